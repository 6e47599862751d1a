// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The reader's questions. Times are microseconds since 1970; an interval times a bigint is exact
//! for centuries.

/// Now.
pub(super) const NOW: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::int8";

/// $1 cluster, $2 from, $3 to, $4 $5 open time and route of the last row, $6 rows.
pub(super) const TROUBLES: &str = "
with opening as (
  select id, at, route, node, to_mode, lead(at) over (partition by route, node order by at, seq) as until
  from atrion.mode_transition
  where cluster = $1 and at >= timestamptz 'epoch' + $2 * interval '1 microsecond'
), route as (
  select route, count(*) as openings, count(distinct node) as nodes,
    (extract(epoch from sum(least(coalesce(until, 'infinity'), timestamptz 'epoch' + $3 * interval '1 microsecond') - at))
      * 1000000)::int8 as open_us,
    (array_agg(node order by at, id))[1] as first_node,
    (extract(epoch from min(at)) * 1000000)::int8 as first_us
  from opening
  where to_mode = 2 and at < timestamptz 'epoch' + $3 * interval '1 microsecond'
  group by route
)
select * from route
where $4::int8 is null or open_us < $4 or (open_us = $4 and route > $5)
order by open_us desc, route limit $6";

/// $1 cluster, $2 from, $3 to, $4 route or null, $5 $6 time and number of the last row, $7 rows.
pub(super) const OPENINGS: &str = "
with opening as (
  select id, at, route, node, to_mode, scar, merged, resistance, lead(at) over (partition by route, node order by at, seq) as until
  from atrion.mode_transition
  where cluster = $1 and at >= timestamptz 'epoch' + $2 * interval '1 microsecond' and ($4::text is null or route = $4)
)
select route, node, scar, merged, resistance, (extract(epoch from at) * 1000000)::int8 as at_us,
  (extract(epoch from until) * 1000000)::int8 as until_us, id::text as tie
from opening
where to_mode = 2 and at < timestamptz 'epoch' + $3 * interval '1 microsecond'
  and ($5::int8 is null or (at, id) < (timestamptz 'epoch' + $5 * interval '1 microsecond', $6::int8))
order by at desc, id desc limit $7";

/// As [`OPENINGS`].
pub(super) const TRANSITIONS: &str = "
select route, node, from_mode, to_mode, scar, merged, resistance, (extract(epoch from at) * 1000000)::int8 as at_us, id::text as tie
from atrion.mode_transition
where cluster = $1 and at >= timestamptz 'epoch' + $2 * interval '1 microsecond'
  and at < timestamptz 'epoch' + $3 * interval '1 microsecond' and ($4::text is null or route = $4)
  and ($5::int8 is null or (at, id) < (timestamptz 'epoch' + $5 * interval '1 microsecond', $6::int8))
order by at desc, id desc limit $7";

/// As [`OPENINGS`], of one route; ties are broken by the node, which has one sample at a time.
pub(super) const SAMPLES: &str = "
select node, mode, scar, merged, resistance, momentum, (extract(epoch from at) * 1000000)::int8 as at_us, node as tie
from atrion.vector_history
where cluster = $1 and at >= timestamptz 'epoch' + $2 * interval '1 microsecond'
  and at < timestamptz 'epoch' + $3 * interval '1 microsecond' and route = $4
  and ($5::int8 is null or (at, node) < (timestamptz 'epoch' + $5 * interval '1 microsecond', $6))
order by at desc, node desc limit $7";

/// $1 cluster, $2 route and node of the last row, $3 rows.
pub(super) const STANDINGS: &str = "
select route, node, mode, resistance,
  scar * exp(-least(700, lambda * greatest(0, extract(epoch from clock_timestamp() - at)::float8))) as scar,
  greatest(0, extract(epoch from clock_timestamp() - at)::float8) as age
from atrion.vector_current
where cluster = $1 and isfinite(at) and ($2::text is null or (route, node) > (regexp_replace($2, ' [^ ]*$', ''), regexp_replace($2, '^.* ', '')))
order by route, node limit $3";
