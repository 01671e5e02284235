-- What keeps accounts safe: limits on tries, the audit log, password resets, and mail on its way.

create table rate_limits (
    key        text        primary key,
    count      integer     not null default 0,
    refused    integer     not null default 0,
    last_at    timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);

create index rate_limits_expires_at_idx on rate_limits (expires_at);

comment on table rate_limits is 'How often something was tried in a window of time; a row that has expired counts nothing.';
comment on column rate_limits.key is 'See rate_limit_key().';
comment on column rate_limits.count is 'Tries that were let through.';
comment on column rate_limits.refused is 'Tries that were not.';
comment on column rate_limits.last_at is 'When a try was let through last.';

-- Hashed: what is typed into a form may be anything, and what it was is nobody's business here.
create function rate_limit_key(kind text, value text) returns text
    language sql immutable parallel safe
    return kind || ':' || encode(sha256(convert_to(value, 'utf8')), 'hex');

-- Decides on a try and counts it, if none of its limits is reached: so many tries in so many seconds of each thing. A thing that is
-- null has no limit. Of an account nobody can be locked out: beyond its limit one try is let through in an interval that doubles
-- from a second up to a minute. Rows are locked in one order, so that no two tries can wait for each other.
create function rate_limit(kinds text[], things text[], limits integer[], windows integer[])
    returns table (
        is_allowed boolean, is_first_refusal boolean, reached integer, reached_kind text, retry_after integer
    )
    language plpgsql
as $$
declare
    instant constant timestamptz := clock_timestamp();
    keys constant text[] := array(
        select rate_limit_key(t.kind, t.thing) from unnest(kinds, things) with ordinality as t (kind, thing, at) order by t.at
    );
begin
    insert into rate_limits as r (key, expires_at)
    select l.key, instant + l.seconds * interval '1 second' from unnest(keys, windows) as l (key, seconds)
    where l.key is not null order by l.key
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

-- Takes back what signing in has counted, because it succeeded: all that was tried on the account from this address, and the one
-- try of the address and, if it was counted there, of the account.
create function login_succeeded(account text, network text, is_account_counted boolean) returns void
    language plpgsql
as $$
declare
    here constant text := rate_limit_key('login.account_and_ip', account || ' ' || network);
    elsewhere constant text[] := array[
        rate_limit_key('login.ip', network), case when is_account_counted then rate_limit_key('login.account', account) end
    ];
begin
    perform from rate_limits where key = any (elsewhere || here) order by key for update;
    delete from rate_limits where key = here;
    update rate_limits set count = greatest(count - 1, 0) where key = any (elsewhere);
end
$$;

create table audit_log (
    id          uuid        primary key default gen_random_uuid(),
    at          timestamptz not null default clock_timestamp(),
    actor_id    uuid,
    action      text        not null,
    target_type text        not null,
    target_id   text,
    ip          text,
    request_id  text        not null,
    changes     jsonb       not null default '{}',
    seq         bigint,
    seal        bytea,
    constraint audit_log_seq_key unique (seq),
    constraint audit_log_seal_check check (num_nulls(seq, seal) in (0, 2))
);

create index audit_log_at_idx on audit_log (at, id);
create index audit_log_actor_id_idx on audit_log (actor_id, at, id);
create index audit_log_action_idx on audit_log (action, at, id);
create index audit_log_target_id_idx on audit_log (target_id, at, id);
create index audit_log_unsealed_idx on audit_log (at, id) where seq is null;

comment on table audit_log is 'What was done, by whom. Nothing in it refers to another table: it outlives what it tells of.';
comment on column audit_log.changes is 'Field by field, what was and what is: {field: [old, new]}. Never a secret.';
comment on column audit_log.seq is 'Its place in the chain; null until it is sealed.';
comment on column audit_log.seal is 'A MAC over the row and the seal before; the key is not in the database.';

-- Where the chain ends: a last row that goes missing is missed.
create table audit_head (
    is_only boolean primary key default true,
    seq     bigint  not null default 0,
    seal    bytea   not null default '',
    constraint audit_head_is_only_check check (is_only)
);

insert into audit_head default values;

-- The fields that differ, each with what was and what is.
create function audit_changes(before jsonb, after jsonb) returns jsonb
    language sql immutable parallel safe
    return (
        select coalesce(jsonb_object_agg(field, jsonb_build_array(before -> field, after -> field)), '{}')
        from jsonb_object_keys(before || after) as field
        where before -> field is distinct from after -> field
    );

create table password_resets (
    token_hash bytea       primary key,
    user_id    uuid        not null,
    expires_at timestamptz not null,
    constraint password_resets_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index password_resets_user_id_idx on password_resets (user_id);
create index password_resets_expires_at_idx on password_resets (expires_at);

comment on column password_resets.token_hash is 'SHA-256 of the token, which is in the mail alone, until that is sent or of no use.';

create table outbox (
    id          uuid        primary key default gen_random_uuid(),
    kind        text        not null,
    recipient   text        not null,
    subject     text        not null,
    body        text        not null,
    created_at  timestamptz not null default now(),
    attempts    integer     not null default 0,
    due_at      timestamptz not null default now(),
    expires_at  timestamptz not null
);

create index outbox_due_at_idx on outbox (due_at);
create index outbox_expires_at_idx on outbox (expires_at);
create index outbox_recipient_idx on outbox (recipient, kind);

comment on table outbox is 'Mail that is still to be sent.';
comment on column outbox.kind is 'What it is for: password_reset.';
comment on column outbox.expires_at is 'When it is of no use any more.';

-- Takes a password in place of another one, and ends the sessions of the account but one. False when the account has another hash
-- by then. A session that was begun with the old password while this waited for the account is seen and ended. The account is
-- locked first here and when a password is reset, so that no two of these can wait for each other.
create function change_password(account uuid, kept_session uuid, old_hash text, new_hash text) returns boolean
    language plpgsql
as $$
declare
    address text;
begin
    update users set password_hash = new_hash, updated_at = now()
    where id = account and password_hash = old_hash and is_active
    returning email into address;
    if address is null then
        return false;
    end if;
    delete from sessions where user_id = account and id <> kept_session;
    delete from password_resets where user_id = account;
    delete from outbox where recipient = address and kind = 'password_reset';
    return true;
end
$$;

-- Takes a password in place of one that was forgotten, ends all sessions of the account, and lets its owner in again whatever was
-- tried on it, from where its owner is too. Null when there is no such token, or no more.
create function reset_password(token bytea, new_hash text, network text) returns uuid
    language plpgsql
as $$
declare
    account uuid;
    address text;
    tried text[];
begin
    perform from users u join password_resets r on r.user_id = u.id where r.token_hash = token for no key update of u;
    delete from password_resets r using users u
    where r.token_hash = token and r.expires_at > now() and u.id = r.user_id and u.is_active
    returning r.user_id, u.email into account, address;
    if account is null then
        return null;
    end if;
    update users set password_hash = new_hash, sessions_ended_at = clock_timestamp(), updated_at = now() where id = account;
    delete from sessions where user_id = account;
    delete from password_resets where user_id = account;
    delete from outbox where recipient = address and kind = 'password_reset';
    tried := array[rate_limit_key('login.account', address), rate_limit_key('login.account_and_ip', address || ' ' || network)];
    perform from rate_limits where key = any (tried) order by key for update;
    delete from rate_limits where key = any (tried);
    return account;
end
$$;
