-- What is known of sign-ins that succeeded: from which devices and networks, and when a session was used.

create table known_devices (
    device_key uuid        not null,
    user_id   uuid        not null,
    seen_at   timestamptz not null,
    constraint known_devices_pkey primary key (device_key, user_id),
    constraint known_devices_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index known_devices_user_id_idx on known_devices (user_id, seen_at);
create index known_devices_seen_at_idx on known_devices (seen_at);

comment on table known_devices is 'From which browsers an account signed in. One that was seen before the sessions of the account were ended is not known any more.';
comment on column known_devices.device_key is 'What the device cookie of the browser names.';

create table known_networks (
    user_id uuid        not null,
    network text        not null,
    seen_at timestamptz not null,
    constraint known_networks_pkey primary key (user_id, network),
    constraint known_networks_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index known_networks_seen_at_idx on known_networks (seen_at);

comment on table known_networks is 'From which networks (/24, /64) an account signed in within 90 days.';

create function is_known_device(u users, device uuid) returns boolean
    language sql stable parallel safe
    return exists (
        select from known_devices k
        where k.device_key = device and k.user_id = u.id and k.seen_at > coalesce(u.sessions_ended_at, '-infinity')
            and k.seen_at > now() - interval '365 days'
    );

create function is_known_network(u users, network text) returns boolean
    language sql stable parallel safe
    return exists (
        select from known_networks k
        where k.user_id = u.id and k.network = is_known_network.network and k.seen_at > now() - interval '90 days'
    );

-- Takes back one try of each of these things, if it was counted.
create function take_back_tries(kinds text[], things text[]) returns void
    language plpgsql
as $$
declare
    keys constant text[] := array(select rate_limit_key(t.kind, t.thing) from unnest(kinds, things) as t (kind, thing));
begin
    perform from rate_limits l where l.key = any (keys) order by l.key for update;
    update rate_limits l set count = greatest(l.count - 1, 0) where l.key = any (keys);
end
$$;

drop function login_succeeded;

-- Takes back what a try with the right password has counted: of a known device that device; of any other the address, and the account
-- too if is_account_counted. All that was tried on the account from this address is forgotten.
create function password_was_right(address text, network text, device uuid, is_account_counted boolean) returns void
    language plpgsql
as $$
begin
    perform take_back_tries(
        array['login.device', 'login.account_and_ip', 'login.ip', 'login.account'],
        array[
            device::text, address || ' ' || network, case when device is null then network end,
            case when device is null and is_account_counted then address end
        ]
    );
    delete from rate_limits l where l.key = rate_limit_key('login.account_and_ip', address || ' ' || network);
end
$$;

-- Begins a session for an account whose password was verified against old_hash, and replaces the hash if there is a new one. Ends the
-- sessions that the browser had, whoever's they were, and beyond max_sessions those that were used least recently. Remembers the
-- device and the network if they are given. The session is null if the account has changed since its password was verified.
create function start_session(
    account uuid, old_hash text, new_hash text, lifetime bigint, idle_lifetime bigint, max_sessions integer,
    client_ip text, client_user_agent text, browser_sessions uuid[], device uuid, network text,
    out session uuid, out refresh_counter integer, out user_json text, out address text, out issued_by uuid, out ended uuid[]
)
    language plpgsql
as $$
declare
    who users;
    instant timestamptz;
begin
    -- The issuer of a one-time password must not lose the right to it while it is used, and sessions are deleted only while their accounts
    -- are locked.
    perform from users u
    where u.id = start_session.account
        or u.id = (select o.issued_by from one_time_passwords o where o.user_id = start_session.account)
        or u.id = any (array(select s.user_id from sessions s where s.id = any (browser_sessions)))
    order by u.id for no key update;
    update users u set last_login_at = now(), password_hash = coalesce(new_hash, u.password_hash)
    where u.id = start_session.account and u.password_hash = start_session.old_hash and may_sign_in(u)
    returning u.* into who;
    if not found then
        return;
    end if;
    -- By the clock that sessions_ended_at has: a session that begins after the others were ended is live.
    instant := clock_timestamp();
    insert into sessions as s (user_id, created_at, expires_at, idle_expires_at, ip, user_agent)
    values (
        who.id, instant, instant + lifetime * interval '1 second',
        instant + least(lifetime, idle_lifetime) * interval '1 second',
        client_ip, client_user_agent
    )
    returning s.id, s.refresh_counter into session, refresh_counter;
    update one_time_passwords o set opened_session = session where o.user_id = who.id returning o.issued_by into issued_by;
    with past as (
        delete from sessions s
        where s.id = any (browser_sessions) or s.id = any (array(
            select l.id from sessions l where l.user_id = who.id and l.id <> session and l.id <> all (browser_sessions) and is_live(l, who)
            order by l.last_used_at desc, l.id offset greatest(max_sessions - 1, 0)
        ))
        returning s.id
    )
    select array_agg(p.id) into ended from past p;
    if device is not null then
        insert into known_devices as k (device_key, user_id, seen_at) values (device, who.id, instant)
        on conflict on constraint known_devices_pkey do update set seen_at = excluded.seen_at;
        -- A client that keeps no cookies is a new device each time.
        delete from known_devices k where k.user_id = who.id and k.device_key = any (array(
            select d.device_key from known_devices d where d.user_id = who.id order by d.seen_at desc offset 100
        ));
    end if;
    if network is not null then
        insert into known_networks as k (user_id, network, seen_at) values (who.id, start_session.network, now())
        on conflict on constraint known_networks_pkey do update set seen_at = excluded.seen_at;
    end if;
    user_json := user_json(who);
    address := who.email;
end
$$;

-- Ends a session, or with it all others of its user, whose devices are forgotten then. That takes a session that is live and, where
-- a refresh token names it, that token or the one before. Returns whose session it was, which have ended, and whether that is what was
-- asked for.
create function end_sessions(
    session uuid, counter integer, all_of_them boolean, out account uuid, out ended uuid[], out is_done boolean
)
    language plpgsql
as $$
begin
    is_done := not all_of_them;
    select s.user_id into account from sessions s where s.id = end_sessions.session;
    if account is null then
        return;
    end if;
    perform from users u where u.id = account for no key update;
    all_of_them := all_of_them and exists (
        select from sessions s join users u on u.id = s.user_id
        where s.id = end_sessions.session and is_live(s, u)
            and (counter is null or s.refresh_counter in (counter, counter + 1))
    );
    is_done := is_done or all_of_them;
    with past as (
        delete from sessions s
        where s.id = end_sessions.session or (end_sessions.all_of_them and s.user_id = account)
        returning s.id
    )
    select array_agg(p.id) into ended from past p;
    if all_of_them then
        delete from known_devices k where k.user_id = account;
    end if;
end
$$;

-- Returns the user of a live session, and notes that it was used: at most every five minutes, and never waiting for anybody. Null
-- when there is no such session.
create or replace function signed_in(session uuid, account uuid) returns text
    language plpgsql volatile parallel unsafe
as $$
declare
    found_user text;
    is_due boolean;
begin
    select user_json(u), s.last_used_at <= now() - interval '4 minutes' into found_user, is_due
    from sessions s join users u on u.id = s.user_id
    where s.id = signed_in.session and s.user_id = signed_in.account and is_live(s, u);
    if is_due then
        update sessions s set last_used_at = now()
        where s.id = any (array(
            select d.id from sessions d where d.id = signed_in.session and d.last_used_at <= now() - interval '4 minutes'
            for no key update skip locked
        ));
    end if;
    return found_user;
end
$$;
