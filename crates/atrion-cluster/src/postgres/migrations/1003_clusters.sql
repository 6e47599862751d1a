-- Atrion, schema 1.003: which clusters use a licence.

-- For the licence's count of clusters, which is told and never enforced. A cluster that has not been seen for a day is
-- not counted, and goes with the next count.
create table atrion.license_cluster(
  license text not null,
  cluster text not null,
  seen timestamptz not null,
  primary key(license, cluster)
);

comment on table atrion.license_cluster is 'which clusters used a licence within the last day; seen is by this server''s clock';
comment on column atrion.vector_history.merged is 'the scar that the gate used because of its fleet; null where the node was on its own';
comment on column atrion.mode_transition.merged is 'the scar that the gate used because of its fleet; null where the node was on its own';
