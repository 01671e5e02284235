-- Whoever owns a session that ends is told so by the audit log: the functions that end sessions return the owners too. A session's first
-- use is noted at once, create-admin lifts the block of an account, and an owner comes before those who have failed.

drop function end_sessions;

-- Ends the sessions that a request names and those that the cookies of the same browser name; or with them all others of their user,
-- whose devices are forgotten then, and the tokens for other accounts that they issued. That takes a named session that is live and,
-- where a refresh token names it, that token or the one before; of several the first decides. Returns by whom, which have ended with
-- their owners, and whether that is what was asked for. A counter is null where no refresh token names the session.
create function end_sessions(
    named uuid[], counters integer[], browser_sessions uuid[], all_of_them boolean,
    out account uuid, out ended uuid[], out owners uuid[], out is_done boolean
)
    language plpgsql
as $$
declare
    owner uuid;
begin
    perform from users u
    where u.id = any (array(select s.user_id from sessions s where s.id = any (named || browser_sessions)))
    order by u.id for no key update;
    if all_of_them then
        select u.id into owner
        from unnest(named, counters) with ordinality as n (session, counter, place)
            join sessions s on s.id = n.session
            join users u on u.id = s.user_id
        where is_live(s, u) and (n.counter is null or s.refresh_counter in (n.counter, n.counter + 1))
        order by n.place limit 1;
    end if;
    is_done := not all_of_them or owner is not null;
    with past as (
        delete from sessions s where s.id = any (named || browser_sessions) or s.user_id = owner
        returning s.id, s.user_id, array_position(named, s.id) as place
    )
    -- The account may have lost the first session before, and another one of the browser be all there was.
    select array_agg(p.id order by p.place, p.id), array_agg(p.user_id order by p.place, p.id),
        coalesce(owner, (array_agg(p.user_id order by p.place, p.id))[1])
    into ended, owners, account
    from past p;
    if owner is not null then
        delete from known_devices k where k.user_id = owner;
        perform lock_resets(owner);
        delete from password_resets r where r.issued_by = owner;
    end if;
end
$$;

drop function start_session;
drop function open_session;

-- What start_session does once the accounts are locked. It changes nothing if the account is null, and then nothing else is read.
create function open_session(
    account uuid, old_hash text, new_hash text, lifetime bigint, idle_lifetime bigint, max_sessions integer,
    client_ip text, client_user_agent text, browser_sessions uuid[], device uuid, known_network text, network text, tried_device uuid,
    is_account_counted boolean,
    out session uuid, out refresh_counter integer, out user_json text, out issued_by uuid, out ended uuid[], out owners uuid[]
)
    language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
    who users;
    -- By the clock that sessions_ended_at has: a session that begins after the others were ended is live.
    instant constant timestamptz := clock_timestamp();
begin
    update users u set last_login_at = instant, password_hash = coalesce(new_hash, u.password_hash)
    where u.id = open_session.account and u.password_hash = open_session.old_hash and may_sign_in(u)
    returning u.* into who;
    insert into sessions as s (user_id, created_at, last_used_at, expires_at, idle_expires_at, ip, user_agent)
    select
        who.id, instant, instant, instant + lifetime * interval '1 second',
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
        returning s.id, s.user_id
    )
    select array_agg(p.id order by p.id), array_agg(p.user_id order by p.id) into ended, owners from past p;
    insert into known_devices as k (device_key, user_id, seen_at)
    select device, who.id, instant where device is not null and who.id is not null
    on conflict on constraint known_devices_pkey do update set seen_at = excluded.seen_at;
    -- A client that keeps no cookies is a new device each time.
    delete from known_devices k where k.user_id = who.id and k.device_key = any (array(
        select d.device_key from known_devices d where d.user_id = who.id order by d.seen_at desc offset 100
    ));
    insert into known_networks as k (user_id, network, seen_at)
    select who.id, known_network, instant where known_network is not null and who.id is not null
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
    out session uuid, out refresh_counter integer, out user_json text, out issued_by uuid, out ended uuid[], out owners uuid[]
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
    select o.session, o.refresh_counter, o.user_json, o.issued_by, o.ended, o.owners
    into start_session.session, start_session.refresh_counter, start_session.user_json, start_session.issued_by, start_session.ended,
        start_session.owners
    from open_session(
        account, old_hash, new_hash, lifetime, idle_lifetime, max_sessions, client_ip, client_user_agent, browser_sessions, device,
        known_network, network, tried_device, is_account_counted
    ) o;
end
$$;

-- Returns the user of a live session, and notes that it was used: the first time, then at most every five minutes, and never waiting for
-- anybody. So the sessions that one more ends are those that nobody uses. Null when there is no such session.
create or replace function signed_in(session uuid, account uuid) returns text
    language plpgsql volatile parallel unsafe
as $$
declare
    found_user text;
    is_due boolean;
begin
    select user_json(u), s.last_used_at <= now() - interval '4 minutes' or s.last_used_at = s.created_at into found_user, is_due
    from sessions s join users u on u.id = s.user_id
    where s.id = signed_in.session and s.user_id = signed_in.account and is_live(s, u);
    if is_due then
        update sessions s set last_used_at = now()
        where s.id = any (array(
            select d.id from sessions d
            where d.id = signed_in.session and (d.last_used_at <= now() - interval '4 minutes' or d.last_used_at = d.created_at)
            for no key update skip locked
        ));
    end if;
    return found_user;
end
$$;

-- Rows of rate_limits are locked in the order of their keys, in the statement that changes them: one that another try has made since is not
-- in its snapshot, so nobody waits for that out of order.

-- Takes back one try of each of these things, if it was counted.
create or replace function take_back_tries(kinds text[], things text[]) returns void
    language plpgsql
as $$
declare
    keys constant text[] := array(select l.key from limits_of(kinds, things, null, null) l);
begin
    with tried as materialized (select r.key from rate_limits r where r.key = any (keys) order by r.key for update)
    update rate_limits r set count = greatest(r.count - 1, 0) from tried t where r.key = t.key;
end
$$;

-- Takes back what a try with the right password has counted, and forgets what was tried on the account from the same network. A
-- device alone was counted where it is known.
create or replace function password_was_right(address text, network text, device uuid, is_account_counted boolean) returns void
    language plpgsql
as $$
declare
    forgotten constant text[] := array(
        select l.key from limits_of(array['login.account_and_ip'], array[address || ' ' || network], null, null) l
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
create function forget_tries(address text, network text) returns void
    language plpgsql
as $$
declare
    keys constant text[] := array(
        select l.key
        from limits_of(
            array['login.account', 'login.success', 'login.account_and_ip'],
            array[address, address, address || ' ' || network],
            null, null
        ) l
    );
begin
    with tried as materialized (select r.key from rate_limits r where r.key = any (keys) order by r.key for update)
    delete from rate_limits r using tried t where r.key = t.key;
end
$$;

-- Takes a password in place of one that was forgotten, ends all sessions of the account and all that was issued with it, and lets its owner
-- in again whatever was tried on it, from where its owner is too. The account is null if there is no such token, or no more, or if its
-- issuer is no administrator any more.
create or replace function reset_password(token bytea, new_hash text, network text, out account uuid, out issued_by uuid)
    language plpgsql
as $$
declare
    address text;
begin
    perform from users u join password_resets r on u.id in (r.user_id, r.issued_by)
    where r.token_hash = reset_password.token order by u.id for no key update of u;
    delete from password_resets r using users u
    where r.token_hash = reset_password.token and r.expires_at > now() and u.id = r.user_id and u.is_active
        and (r.issued_by is null
            or exists (select from users i where i.id = r.issued_by and i.is_active and i.role = 'admin'))
    returning r.user_id, r.issued_by, u.email into account, issued_by, address;
    if account is null then
        return;
    end if;
    update users u
    set password_hash = new_hash, must_change_password = false, sessions_ended_at = clock_timestamp(), updated_at = now()
    where u.id = account;
    delete from sessions s where s.user_id = account;
    perform forget_passwords(account, address);
    perform withdraw_issued(account);
    perform forget_tries(address, network);
end
$$;

-- Decides on a try and counts it, if none of its limits is reached: so many tries in so many seconds of each thing. Of an account nobody
-- can be locked out: beyond its limit one try is let through in an interval that doubles from a second up to half a minute. From an
-- address that has failed on the account lately it is longer the more often it has, up to twice as long. So a few who never stop trying cannot take every try from an owner
-- who comes from elsewhere. Rows are locked in one order, so that no two tries can wait for each other.
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

    -- A site has failed as often as it goes beyond what one network of it may: a neighbour's mistake is nobody else's.
    select coalesce(greatest(0, max(case when l.kind = 'login.account_and_ip' then r.count else r.count - l.size / 16 end)), 0)
    into failures
    from unnest(kinds, keys, limits) as l (kind, key, size) join rate_limits r on r.key = l.key
    where l.kind in ('login.account_and_ip', 'login.account_and_ip.site');
    select false, bool_or(b.refused = 0), (array_agg(b.size order by b.free_at desc))[1],
           (array_agg(b.kind order by b.free_at desc))[1],
           greatest(1, ceil(extract(epoch from max(b.free_at) - instant)))::integer
    into is_allowed, is_first_refusal, reached, reached_kind, retry_after
    from (
        select r.refused, l.kind, l.size,
               case when l.kind = 'login.account'
                    then least(
                        r.expires_at,
                        r.last_at + least(30, 2.0 ^ least(r.count - l.size, 5)) * (1 + least(failures, 3) / 3.0) * interval '1 second'
                    )
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
