-- Atrion, schema 1.004: what nodes hold under leases.

-- For people: which jobs a process has taken along that died. A node replaces its own rows; what it held in an earlier
-- life is marked lost by the next one, and goes after a day. Nothing of it is counted as in flight again.
create table atrion.lease(
  cluster text not null,
  node text not null,
  since timestamptz not null,
  lease bigint not null,
  route text not null,
  owner text not null,
  beat timestamptz not null,
  progress float8,
  lost timestamptz,
  written timestamptz not null default clock_timestamp(),
  primary key(cluster, node, since, lease)
);

comment on table atrion.lease is 'long jobs that nodes hold, and those that a node has taken along when it died; times but written are by the node''s clock';
