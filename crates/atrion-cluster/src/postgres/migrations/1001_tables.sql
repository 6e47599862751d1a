-- Atrion, schema 1.001: what routes are, were, and when they opened.

-- One row a node, route and cluster: the node's own vector, whole. No index on a column that changes, so that an
-- update stays on its page (HOT); the room for that is left free.
create table atrion.vector_current(
  cluster text not null,
  route text not null,
  node text not null,
  incarnation bigint not null,
  seq bigint not null,
  scar float8 not null check (scar >= 0 and scar < 'infinity'),
  evidence float4 not null,
  resistance float4 not null,
  momentum float4 not null,
  mode smallint not null,
  lambda float8 not null,
  at timestamptz not null,
  primary key(cluster, route, node)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

comment on table atrion.vector_current is 'the last vector of each node and route; scar was valid at "at", by this server''s clock';
comment on column atrion.vector_current.mode is '0 bootstrap, 1 operational, 2 circuit breaker';

-- A sample a minute of every route that is not quite well, in partitions of a day (UTC).
create table atrion.vector_history(
  cluster text, route text, node text,
  at timestamptz not null default clock_timestamp(),
  scar float4, merged float4, resistance float4, momentum float4, mode smallint
) partition by range(at);
create index vector_history_at on atrion.vector_history using brin(at);
create index vector_history_route on atrion.vector_history(cluster, route, at);

-- Every change of a mode, in partitions of a day (UTC).
create table atrion.mode_transition(
  id bigint generated always as identity,
  at timestamptz not null default clock_timestamp(),
  cluster text, route text, node text, incarnation bigint, seq bigint,
  from_mode smallint, to_mode smallint, scar float8, merged float8, resistance float8,
  primary key(at, id),
  unique(at, node, incarnation, seq)
) partition by range(at);
create index mode_transition_route on atrion.mode_transition(cluster, route, node, at);
