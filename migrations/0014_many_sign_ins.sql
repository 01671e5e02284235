-- Many sign-ins: at once to one account, from the networks of one site of IPv6, and through proxies that nobody has said are trusted.

-- What stands for the site (/48) to which a thing belongs that is an IPv6 network (/64) or ends with one; null for any other.
create function site_of(thing text) returns text
    language sql immutable parallel safe
    return (
        select m.found[1] || network(set_masklen(m.found[2]::inet, 48))
        from regexp_match(thing, '^(.* |)([0-9a-f:]+/64)$') as m (found)
    );

-- What tries of these things are counted by: each of them, and the site that it belongs to, which may try 16 times as often. A thing that
-- is null has no limit.
create function limits_of(kinds text[], things text[], sizes integer[], windows integer[])
    returns table (kind text, key text, size integer, seconds integer)
    language sql immutable parallel safe
as $$
    select l.kind, rate_limit_key(l.kind, l.thing), l.size, l.seconds
    from (
        select t.kind, t.thing, t.size, t.seconds from unnest(kinds, things, sizes, windows) as t (kind, thing, size, seconds)
        union all
        select t.kind || '.site', site_of(t.thing), least(t.size::bigint * 16, 2147483647)::integer, t.seconds
        from unnest(kinds, things, sizes, windows) as t (kind, thing, size, seconds)
    ) l
    where l.thing is not null
$$;

-- Decides on a try and counts it, if none of its limits is reached: so many tries in so many seconds of each thing. Of an account nobody
-- can be locked out: beyond its limit one try is let through in an interval that doubles from a second up to a minute. Rows are locked in
-- one order, so that no two tries can wait for each other.
create or replace function rate_limit(kinds text[], things text[], limits integer[], windows integer[])
    returns table (
        is_allowed boolean, is_first_refusal boolean, reached integer, reached_kind text, retry_after integer
    )
    language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
    instant timestamptz;
    keys text[];
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

    select false, bool_or(b.refused = 0), (array_agg(b.size order by b.free_at desc))[1],
           (array_agg(b.kind order by b.free_at desc))[1],
           greatest(1, ceil(extract(epoch from max(b.free_at) - instant)))::integer
    into is_allowed, is_first_refusal, reached, reached_kind, retry_after
    from (
        select r.refused, l.kind, l.size,
               case when l.kind = 'login.account'
                    then least(r.expires_at, r.last_at + least(60, 2.0 ^ least(r.count - l.size, 6)) * interval '1 second')
                    else r.expires_at
               end as free_at
        from unnest(kinds, keys, limits) as l (kind, key, size) join rate_limits r on r.key = l.key
        where r.count >= l.size
    ) b
    where b.free_at > instant;

    if reached is null then
        update rate_limits r set count = r.count + 1, last_at = instant where r.key = any (keys);
        return query select true, false, null::integer, null::text, null::integer;
    else
        update rate_limits r set refused = r.refused + 1
        from unnest(keys, limits) as l (key, size) where r.key = l.key and r.count >= l.size;
        -- Whoever is refused does not fill the table with what else they try.
        delete from rate_limits r where r.key = any (keys) and r.count = 0;
        return next;
    end if;
end
$$;

-- Takes back one try of each of these things, if it was counted.
create or replace function take_back_tries(kinds text[], things text[]) returns void
    language plpgsql
as $$
declare
    keys constant text[] := array(select l.key from limits_of(kinds, things, null, null) l);
begin
    perform from rate_limits l where l.key = any (keys) order by l.key for update;
    update rate_limits l set count = greatest(l.count - 1, 0) where l.key = any (keys);
end
$$;

-- Takes back what a try with the right password has counted: of a known device the account on that device; of any other the address, and
-- the account too if is_account_counted. All that was tried on the account from this address, and from its site, is forgotten.
create or replace function password_was_right(address text, network text, device uuid, is_account_counted boolean) returns void
    language plpgsql
as $$
begin
    perform take_back_tries(
        array['login.device', 'login.account_and_ip', 'login.ip', 'login.account'],
        array[
            device || ' ' || address, address || ' ' || network, case when device is null then network end,
            case when device is null and is_account_counted then address end
        ]
    );
    delete from rate_limits r
    where r.key = any (array(
        select l.key from limits_of(array['login.account_and_ip'], array[address || ' ' || network], null, null) l
    ));
end
$$;

drop function start_session;

-- What start_session does once the accounts are locked. It changes nothing if the account is null, and then nothing else is read.
create function open_session(
    account uuid, old_hash text, new_hash text, lifetime bigint, idle_lifetime bigint, max_sessions integer,
    client_ip text, client_user_agent text, browser_sessions uuid[], device uuid, known_network text, network text, tried_device uuid,
    is_account_counted boolean,
    out session uuid, out refresh_counter integer, out user_json text, out issued_by uuid, out ended uuid[]
)
    language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
    who users;
    -- By the clock that sessions_ended_at has: a session that begins after the others were ended is live.
    instant constant timestamptz := clock_timestamp();
begin
    update users u set last_login_at = now(), password_hash = coalesce(new_hash, u.password_hash)
    where u.id = open_session.account and u.password_hash = open_session.old_hash and may_sign_in(u)
    returning u.* into who;
    insert into sessions as s (user_id, created_at, expires_at, idle_expires_at, ip, user_agent)
    select
        who.id, instant, instant + lifetime * interval '1 second',
        instant + least(lifetime, idle_lifetime) * interval '1 second',
        client_ip, client_user_agent
    where who.id is not null
    returning s.id, s.refresh_counter into session, refresh_counter;
    update one_time_passwords o set opened_session = session where o.user_id = who.id returning o.issued_by into issued_by;
    with past as (
        delete from sessions s
        where session is not null and (s.id = any (browser_sessions) or s.id = any (array(
            select l.id from sessions l where l.user_id = who.id and l.id <> session and l.id <> all (browser_sessions) and is_live(l, who)
            order by l.last_used_at desc, l.id offset greatest(max_sessions - 1, 0)
        )))
        returning s.id
    )
    select array_agg(p.id) into ended from past p;
    insert into known_devices as k (device_key, user_id, seen_at)
    select device, who.id, instant where device is not null and who.id is not null
    on conflict on constraint known_devices_pkey do update set seen_at = excluded.seen_at;
    -- A client that keeps no cookies is a new device each time.
    delete from known_devices k where k.user_id = who.id and k.device_key = any (array(
        select d.device_key from known_devices d where d.user_id = who.id order by d.seen_at desc offset 100
    ));
    insert into known_networks as k (user_id, network, seen_at)
    select who.id, known_network, now() where known_network is not null and who.id is not null
    on conflict on constraint known_networks_pkey do update set seen_at = excluded.seen_at;
    perform password_was_right(
        who.email, case when session is not null then network end, tried_device, is_account_counted
    );
    user_json := user_json(who);
end
$$;

-- Begins a session for an account whose password was verified against old_hash, and replaces the hash if there is a new one. Ends the
-- sessions that the browser had, whoever's they were, and beyond max_sessions those that were used least recently. Remembers the
-- device and the network if they are given, and takes back the tries that were counted. The session is null if the account has changed
-- since its password was verified.
create function start_session(
    account uuid, old_hash text, new_hash text, lifetime bigint, idle_lifetime bigint, max_sessions integer,
    client_ip text, client_user_agent text, browser_sessions uuid[], device uuid, known_network text, network text, tried_device uuid,
    is_account_counted boolean,
    out session uuid, out refresh_counter integer, out user_json text, out issued_by uuid, out ended uuid[]
)
    language plpgsql
as $$
begin
    -- On a new connection planning takes longer than all else. It is done before the account is locked: many who sign in to one account
    -- at once wait for each other.
    perform open_session(null, null, null, null, null, null, null, null, null, null, null, null, null, null);
    -- The issuer of a one-time password must not lose the right to it while it is used, and sessions are deleted only while their accounts
    -- are locked.
    perform from users u
    where u.id = start_session.account
        or u.id = (select o.issued_by from one_time_passwords o where o.user_id = start_session.account)
        or u.id = any (array(select s.user_id from sessions s where s.id = any (browser_sessions)))
    order by u.id for no key update;
    select o.session, o.refresh_counter, o.user_json, o.issued_by, o.ended
    into start_session.session, start_session.refresh_counter, start_session.user_json, start_session.issued_by, start_session.ended
    from open_session(
        account, old_hash, new_hash, lifetime, idle_lifetime, max_sessions, client_ip, client_user_agent, browser_sessions, device,
        known_network, network, tried_device, is_account_counted
    ) o;
end
$$;

create table untrusted_proxies (
    ip      text        primary key,
    seen_at timestamptz not null default now()
);

comment on table untrusted_proxies is 'Who sent x-forwarded-for with a sign-in and is no trusted proxy: all who come through it are one client.';
comment on column untrusted_proxies.seen_at is 'At most a day before it was seen last.';
