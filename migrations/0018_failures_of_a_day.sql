-- Beyond the limit of an account, the interval of an address goes by its failures of the last day instead of the last 15 minutes. With
-- the shorter memory 30 addresses that took turns were each forgotten before it was their turn again, and kept an owner out for good.

-- Takes back what a try with the right password has counted, and forgets what was tried on the account from the same network. A
-- device alone was counted where it is known.
create or replace function password_was_right(address text, network text, device uuid, is_account_counted boolean) returns void
    language plpgsql
as $$
declare
    forgotten constant text[] := array(
        select l.key
        from limits_of(
            array['login.account_and_ip', 'login.beyond'], array[address || ' ' || network, address || ' ' || network], null, null
        ) l
    );
    counted constant text[] := array(
        select l.key
        from limits_of(
            array['login.device', 'login.ip', 'login.account'],
            array[
                device || ' ' || address, case when device is null then network end,
                case when device is null and is_account_counted then address end
            ],
            null, null
        ) l
    );
begin
    with tried as materialized (
        select r.key from rate_limits r where r.key = any (counted || forgotten) order by r.key for update
    ), taken_back as (
        update rate_limits r set count = greatest(r.count - 1, 0) from tried t where r.key = t.key and r.key = any (counted)
    )
    delete from rate_limits r using tried t where r.key = t.key and r.key = any (forgotten);
end
$$;

-- Lets the owner of an account sign in again whatever was tried on it and however often somebody has signed in, from where they are too if
-- that is known.
create or replace function forget_tries(address text, network text) returns void
    language plpgsql
as $$
declare
    keys constant text[] := array(
        select l.key
        from limits_of(
            array['login.account', 'login.success', 'login.account_and_ip', 'login.beyond'],
            array[address, address, address || ' ' || network, address || ' ' || network],
            null, null
        ) l
    );
begin
    with tried as materialized (select r.key from rate_limits r where r.key = any (keys) order by r.key for update)
    delete from rate_limits r using tried t where r.key = t.key;
end
$$;

-- Decides on a try and counts it, if none of its limits is reached: so many tries in so many seconds of each thing. Of an account nobody
-- can be locked out: beyond its limit one try is let through in an interval that doubles from a second up to half a minute. For an address
-- that has failed beyond it within a day (`login.beyond`, which refuses nothing by itself) the interval is longer, up to twice as long. So
-- those who never stop trying cannot take every try from an owner who comes from elsewhere. Rows are locked in one order, so that no two
-- tries can wait for each other.
create or replace function rate_limit(kinds text[], things text[], limits integer[], windows integer[])
    returns table (
        is_allowed boolean, is_first_refusal boolean, reached integer, reached_kind text, retry_after integer
    )
    language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
    instant timestamptz;
    keys text[];
    failures integer;
    is_beyond boolean;
begin
    -- Many who try at once wait for each other's rows, and on a new connection planning takes longer than all else: it is done before
    -- a row is locked, by a call with nothing to count.
    if cardinality(kinds) > 0 then
        perform from rate_limit('{}', '{}', '{}', '{}');
    end if;
    instant := clock_timestamp();
    select array_agg(l.kind), array_agg(l.key), array_agg(l.size), array_agg(l.seconds)
    into kinds, keys, limits, windows
    from limits_of(kinds, things, limits, windows) l;

    insert into rate_limits as r (key, expires_at)
    select l.key, instant + l.seconds * interval '1 second' from unnest(keys, windows) as l (key, seconds) order by l.key
    on conflict (key) do update set
        count      = case when r.expires_at > instant then r.count else 0 end,
        refused    = case when r.expires_at > instant then r.refused else 0 end,
        expires_at = case when r.expires_at > instant then r.expires_at else excluded.expires_at end;

    -- The failures of a site are what goes beyond those that one network of it may have: a neighbour's mistake is nobody else's.
    select coalesce(greatest(0, max(case when l.kind = 'login.beyond' then r.count else r.count - l.size / 16 end)), 0)
    into failures
    from unnest(kinds, keys, limits) as l (kind, key, size) join rate_limits r on r.key = l.key
    where l.kind in ('login.beyond', 'login.beyond.site');
    select false, bool_or(b.refused = 0), (array_agg(b.size order by b.free_at desc))[1],
           (array_agg(b.kind order by b.free_at desc))[1],
           greatest(1, ceil(extract(epoch from max(b.free_at) - instant)))::integer
    into is_allowed, is_first_refusal, reached, reached_kind, retry_after
    from (
        select r.refused, l.kind, l.size,
               case when l.kind = 'login.account'
                    then least(
                        r.expires_at,
                        r.last_at + least(30, 2.0 ^ least(r.count - l.size, 5)) * (1 + least(failures, 6) / 6.0) * interval '1 second'
                    )
                    else r.expires_at
               end as free_at
        from unnest(kinds, keys, limits) as l (kind, key, size) join rate_limits r on r.key = l.key
        where r.count >= l.size and l.kind not in ('login.beyond', 'login.beyond.site')
    ) b
    where b.free_at > instant;

    if reached is null then
        -- Only what was tried beyond the limit of the account is remembered for a day.
        is_beyond := exists (
            select from unnest(kinds, keys, limits) as l (kind, key, size) join rate_limits r on r.key = l.key
            where l.kind = 'login.account' and r.count >= l.size
        );
        update rate_limits r set count = r.count + 1, last_at = instant
        from unnest(kinds, keys) as l (kind, key)
        where r.key = l.key and (is_beyond or l.kind not in ('login.beyond', 'login.beyond.site'));
        return query select true, false, null::integer, null::text, null::integer;
    else
        update rate_limits r set refused = r.refused + 1
        from unnest(keys, limits) as l (key, size) where r.key = l.key and r.count >= l.size;
        return next;
    end if;
    -- What was not counted does not fill the table.
    delete from rate_limits r where r.key = any (keys) and r.count = 0;
end
$$;
