-- Atrion, schema 1.002: partitions and retention, for roles without the right to make or drop tables.

-- Makes the partitions of yesterday to three days from now, drops what is older than it has to be kept, and deletes at
-- most "batch" rows of nodes that have said nothing for a day. One caller at a time; to the others it returns no row.
-- The time is a parameter so that weeks can be tried in a minute.
create function atrion.upkeep(moment timestamptz, history_days int, transition_days int, batch int)
returns table(created int, dropped int, deleted int)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  parent text;
  kept int;
  today date := (moment at time zone 'UTC')::date;
  day date;
  partition text;
begin
  if not pg_try_advisory_xact_lock(4708123001234) then
    return;
  end if;
  -- Making or dropping a partition locks its table for a moment: rather later than in a queue behind a long query.
  perform set_config('lock_timeout', '500ms', true);
  created := 0; dropped := 0; deleted := 0;
  foreach parent in array array['vector_history', 'mode_transition'] loop
    kept := greatest(1, case parent when 'vector_history' then history_days else transition_days end);
    for ahead in -1..3 loop
      day := today + ahead;
      partition := parent || '_' || to_char(day, 'YYYYMMDD');
      if to_regclass('atrion.' || partition) is null then
        execute format('create table atrion.%I partition of atrion.%I for values from (%L) to (%L)',
          partition, parent, to_char(day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(day + 1, 'YYYY-MM-DD') || ' 00:00:00+00');
        created := created + 1;
      end if;
    end loop;
    for partition in
      select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = to_regclass('atrion.' || parent)
        and c.relname ~ ('^' || parent || '_[0-9]{8}$')
        and to_date(right(c.relname, 8), 'YYYYMMDD') < today - kept
    loop
      execute format('drop table atrion.%I', partition);
      dropped := dropped + 1;
    end loop;
  end loop;
  delete from atrion.vector_current where ctid = any(array(
    select v.ctid from atrion.vector_current v where v.at < moment - interval '24 hours' limit batch));
  get diagnostics deleted = row_count;
  return next;
end
$$;

revoke all on function atrion.upkeep(timestamptz, int, int, int) from public;
