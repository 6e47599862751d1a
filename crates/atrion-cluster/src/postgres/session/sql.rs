// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The statements. A node writes in batches: an array for each column.

/// Lives are milliseconds since 1970 at first, and each is later than the one before by one at
/// least. A number from here on is no life's: it left no room for the next one, so its row is
/// written over.
pub(super) const LIVES: i64 = 1 << 62;

/// $1 cluster, $2 node, $3 incarnation, then routes, numbers, scars, evidence, resistances,
/// momenta, modes, decay rates, ages in milliseconds, and [`LIVES`]. Only what is later than the
/// row that is there is taken, so it may be repeated freely.
pub(super) const UPSERT: &str = "
insert into atrion.vector_current as v(cluster,route,node,incarnation,seq,scar,evidence,resistance,momentum,mode,lambda,at)
select $1, r, $2, $3, q, s, e, o, m, d, l, clock_timestamp() - a * interval '1 ms'
from unnest($4::text[],$5::int8[],$6::float8[],$7::float4[],$8::float4[],$9::float4[],$10::int2[],$11::float8[],$12::float8[])
  t(r,q,s,e,o,m,d,l,a)
on conflict(cluster,route,node) do update set incarnation=excluded.incarnation, seq=excluded.seq, scar=excluded.scar,
  evidence=excluded.evidence, resistance=excluded.resistance, momentum=excluded.momentum, mode=excluded.mode,
  lambda=excluded.lambda, at=excluded.at
where (excluded.incarnation,excluded.seq) > (v.incarnation,v.seq) or v.incarnation >= $13";

pub(super) const TRANSITIONS: &str = "
insert into atrion.mode_transition(at,cluster,route,node,incarnation,seq,from_mode,to_mode,scar,merged,resistance)
select timestamptz 'epoch' + t * interval '1 microsecond', $1, r, $2, $3, q, f, d, s, g, o
from unnest($4::int8[],$5::text[],$6::int8[],$7::int2[],$8::int2[],$9::float8[],$10::float8[],$11::float8[]) x(t,r,q,f,d,s,g,o)
on conflict do nothing";

pub(super) const HISTORY: &str = "
insert into atrion.vector_history(cluster,route,node,scar,merged,resistance,momentum,mode)
select $1, r, $2, s, g, o, m, d
from unnest($3::text[],$4::float4[],$5::float4[],$6::float4[],$7::float4[],$8::int2[]) x(r,s,g,o,m,d)";

pub(super) const OWN: &str = "
select route, incarnation, scar, evidence, resistance, momentum, mode, lambda,
  case when isfinite(at) then greatest(0, extract(epoch from clock_timestamp() - at))::float8 end as age
from atrion.vector_current where cluster = $1 and node = $2";

pub(super) const HAS: &str = "
select 1 from atrion.vector_current
where cluster = $1 and route = $2 and node = $3 and (incarnation, seq) >= ($4, $5) and incarnation < $6";

pub(super) const CLOCK: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::int8";

/// $1 the moment in microseconds or null for now, $2 $3 days, $4 rows to delete.
pub(super) const UPKEEP: &str = "
select created, dropped, deleted from atrion.upkeep(
  coalesce(timestamptz 'epoch' + $1 * interval '1 microsecond', clock_timestamp()), $2, $3, $4)";

/// $1 license, $2 cluster.
pub(super) const SEEN: &str = "
insert into atrion.license_cluster(license, cluster, seen) values ($1, $2, clock_timestamp())
on conflict (license, cluster) do update set seen = excluded.seen";

/// $1 license, $2 seconds.
pub(super) const UNSEEN: &str = "
delete from atrion.license_cluster where license = $1 and seen < clock_timestamp() - $2 * interval '1 second'";

/// $1 license, $2 rows.
pub(super) const CLUSTERS: &str = "
select cluster, greatest(0, extract(epoch from clock_timestamp() - seen))::int8 as age
from atrion.license_cluster where license = $1 and isfinite(seen) order by seen desc limit $2";

/// $1 cluster, $2 node.
pub(super) const FORGET_LEASES: &str = "delete from atrion.lease where cluster = $1 and node = $2";

/// $1 cluster, $2 node, then an array for each column; times in milliseconds since 1970.
pub(super) const KEEP_LEASES: &str = "
insert into atrion.lease(cluster,node,since,lease,route,owner,beat,progress,lost)
select $1, $2, timestamptz 'epoch' + s * interval '1 ms', l, r, o, timestamptz 'epoch' + b * interval '1 ms', p,
  timestamptz 'epoch' + x * interval '1 ms'
from unnest($3::int8[],$4::int8[],$5::text[],$6::text[],$7::int8[],$8::float8[],$9::int8[]) t(s,l,r,o,b,p,x)
on conflict do nothing";

/// $1 cluster, $2 node.
pub(super) const KEPT_LEASES: &str = "
select lease, route, owner, progress, round(extract(epoch from since) * 1000)::int8 as since,
  round(extract(epoch from beat) * 1000)::int8 as beat, round(extract(epoch from lost) * 1000)::int8 as lost
from atrion.lease where cluster = $1 and node = $2
  and isfinite(since) and isfinite(beat) and isfinite(coalesce(lost, beat))
order by since, lease limit 1000";

pub(super) const OLD_LEASES: &str =
    "delete from atrion.lease where written < clock_timestamp() - interval '7 days'";
