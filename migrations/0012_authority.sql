-- Authority at the time of the change: whoever changes something is signed in, and an administrator where that is needed, when the
-- statement takes effect. What somebody issued ends with their authority.

-- Returns true if the session is live and its user may make a change, and raises FD401 or FD403 otherwise, so that nothing of the
-- statement happens. The rows of the caller and of the other accounts that are to be changed stay locked until the statement ends:
-- nobody can take the authority away in between. Every statement locks accounts first, in the order of their ids, then sessions, then
-- whatever else it changes, so that no two can wait for each other.
create function authorise(session uuid, account uuid, needs_admin boolean, others uuid[]) returns boolean
    language plpgsql
as $$
declare
    role text;
begin
    perform from users u where u.id = any (authorise.others || authorise.account) order by u.id for no key update;
    perform from sessions s where s.id = authorise.session for no key update;
    -- A query of its own sees what was committed while the locks were waited for.
    select u.role into role from sessions s join users u on u.id = s.user_id
    where s.id = authorise.session and s.user_id = authorise.account and is_live(s, u);
    if role is null then
        raise exception using errcode = 'FD401', message = 'the session has ended';
    elsif authorise.needs_admin and role <> 'admin' then
        raise exception using errcode = 'FD403', message = 'the caller is no administrator';
    end if;
    return true;
end
$$;

-- Of those that are still good it is not known who issued them: their owners ask again.
delete from password_resets;
delete from outbox where kind = 'password_reset';

alter table password_resets add column issued_by uuid;
alter table password_resets
    add constraint password_resets_issued_by_fkey foreign key (issued_by) references users (id) on delete cascade;

create index password_resets_issued_by_idx on password_resets (issued_by);

comment on column password_resets.issued_by is 'The administrator who issued it; null if the owner of the account asked for it.';

create table one_time_passwords (
    user_id        uuid        primary key,
    issued_by      uuid,
    is_single_use  boolean     not null,
    expires_at     timestamptz not null,
    opened_session uuid,
    constraint one_time_passwords_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint one_time_passwords_issued_by_fkey foreign key (issued_by) references users (id) on delete set null
);

create index one_time_passwords_issued_by_idx on one_time_passwords (issued_by);

comment on table one_time_passwords is 'Whose password was set by an administrator, until it is replaced. One that has expired is good for nothing.';
comment on column one_time_passwords.issued_by is 'The administrator; null if that was before this table was made, or if they are deleted.';
comment on column one_time_passwords.is_single_use is 'Whether it was generated: then it signs in once.';
comment on column one_time_passwords.opened_session is 'The session that it opened last.';

insert into one_time_passwords (user_id, is_single_use, expires_at)
select id, false, now() + interval '7 days' from users where must_change_password;

-- Returns whether the password of an account opens a session: if an administrator set it, not for ever, and a generated one once.
create function may_sign_in(u users) returns boolean
    language sql stable parallel safe
    return u.is_active and not exists (
        select from one_time_passwords o
        where o.user_id = u.id and (o.expires_at <= now() or o.is_single_use and o.opened_session is not null)
    );

-- Ends what somebody issued as an administrator. Called while their account is locked: nobody issues anything in their name then.
create function withdraw_issued(issuer uuid) returns void
    language plpgsql
as $$
begin
    delete from password_resets r where r.issued_by = withdraw_issued.issuer;
    update one_time_passwords o set expires_at = '-infinity' where o.issued_by = withdraw_issued.issuer;
end
$$;

-- Only one statement at a time changes who administers. Taken before all other locks.
create function lock_administrators() returns void
    language sql
    return pg_advisory_xact_lock(hashtextextended('frontdesk.administrators', 0));

-- Returns whether no active administrator would be left without this account.
create function is_last_admin(account uuid) returns boolean
    language plpgsql
as $$
begin
    return exists (select from users u where u.id = is_last_admin.account and u.role = 'admin' and u.is_active)
        and not exists (select from users u where u.id <> is_last_admin.account and u.role = 'admin' and u.is_active);
end
$$;

-- Changes what an account may do; null keeps a value. Returns no row if there is no such account, and is_refused if no active
-- administrator would be left.
create function update_user(session uuid, caller uuid, account uuid, new_role text, new_is_active boolean)
    returns table (is_refused boolean, changes jsonb, user_json text)
    language plpgsql
as $$
declare
    before users;
    after users;
begin
    perform lock_administrators();
    perform authorise(update_user.session, update_user.caller, true, array[update_user.account]);
    select u.* into before from users u where u.id = update_user.account;
    if not found then
        return;
    end if;
    if not (coalesce(new_role, before.role) = 'admin' and coalesce(new_is_active, before.is_active))
        and is_last_admin(before.id) then
        return query select true, '{}'::jsonb, user_json(before);
        return;
    end if;
    update users u set
        role = coalesce(new_role, u.role),
        is_active = coalesce(new_is_active, u.is_active),
        sessions_ended_at = case when new_is_active is false then clock_timestamp() else u.sessions_ended_at end,
        updated_at = case when coalesce(new_role, u.role) = u.role and coalesce(new_is_active, u.is_active) = u.is_active
            then u.updated_at else now() end
    where u.id = before.id
    returning u.* into after;
    if not after.is_active then
        delete from sessions s where s.user_id = after.id;
        delete from password_resets r where r.user_id = after.id;
        delete from outbox o where o.recipient = after.email and o.kind = 'password_reset';
    end if;
    if not (after.is_active and after.role = 'admin') then
        perform withdraw_issued(after.id);
    end if;
    return query select false, audit_changes(
        jsonb_build_object('role', before.role, 'is_active', before.is_active),
        jsonb_build_object('role', after.role, 'is_active', after.is_active)
    ), user_json(after);
end
$$;

-- Deletes an account, and with it what refers to it, what it issued included. Returns as update_user does.
create function delete_user(session uuid, caller uuid, account uuid) returns table (is_refused boolean, changes jsonb)
    language plpgsql
as $$
declare
    before users;
begin
    perform lock_administrators();
    perform authorise(delete_user.session, delete_user.caller, true, array[delete_user.account]);
    select u.* into before from users u where u.id = delete_user.account;
    if not found then
        return;
    end if;
    if is_last_admin(before.id) then
        return query select true, '{}'::jsonb;
        return;
    end if;
    perform withdraw_issued(before.id);
    delete from users u where u.id = before.id;
    delete from outbox o where o.recipient = before.email;
    return query select false, audit_changes(jsonb_strip_nulls(jsonb_build_object(
        'email', before.email, 'full_name', before.full_name, 'role', before.role, 'is_active', before.is_active
    )), '{}');
end
$$;

-- Issues a token for a new password in place of those that there are, and returns until when it is good: null if the account is locked.
-- Returns no row if there is no such account.
create function issue_reset(session uuid, caller uuid, account uuid, token bytea) returns table (expires_at timestamptz)
    language plpgsql
as $$
declare
    is_active boolean;
begin
    perform authorise(issue_reset.session, issue_reset.caller, true, array[issue_reset.account]);
    select u.is_active into is_active from users u where u.id = issue_reset.account;
    if not found then
        return;
    elsif not is_active then
        return query select null::timestamptz;
        return;
    end if;
    delete from password_resets r where r.user_id = issue_reset.account;
    return query insert into password_resets as r (token_hash, user_id, expires_at, issued_by)
        values (issue_reset.token, issue_reset.account, now() + interval '30 minutes', issue_reset.caller)
        returning r.expires_at;
end
$$;

drop function change_password;

-- Takes a password in place of another one, ends the other sessions of the account, and takes back what the try has counted. It is not
-- done if the account has another hash by then, or if the other one was an administrator's, who is named, and is good for nothing any
-- more. Raises as authorise does.
create function change_password(
    session uuid, account uuid, old_hash text, new_hash text, network text, device uuid, is_account_counted boolean,
    out is_done boolean, out issued_by uuid
)
    language plpgsql
as $$
declare
    address text;
begin
    is_done := false;
    perform authorise(
        change_password.session, change_password.account, false,
        array(select o.issued_by from one_time_passwords o where o.user_id = change_password.account and o.issued_by is not null)
    );
    update users u set password_hash = new_hash, must_change_password = false, updated_at = now()
    where u.id = change_password.account and u.password_hash = change_password.old_hash and u.is_active
        and not exists (
            select from one_time_passwords o
            where o.user_id = u.id and (o.expires_at <= now()
                or o.is_single_use and o.opened_session is distinct from change_password.session)
        )
    returning u.email into address;
    if address is null then
        return;
    end if;
    is_done := true;
    select o.issued_by into issued_by from one_time_passwords o where o.user_id = change_password.account;
    delete from sessions s where s.user_id = change_password.account and s.id <> change_password.session;
    perform forget_passwords(change_password.account, address);
    perform password_was_right(address, network, device, is_account_counted);
end
$$;

-- Ends everything else that could replace or stand for the password of an account. Called while the account is locked.
create function forget_passwords(account uuid, address text) returns void
    language plpgsql
as $$
begin
    delete from password_resets r where r.user_id = forget_passwords.account;
    delete from one_time_passwords o where o.user_id = forget_passwords.account;
    delete from outbox o where o.recipient = forget_passwords.address and o.kind = 'password_reset';
end
$$;

drop function reset_password;

-- Takes a password in place of one that was forgotten, ends all sessions of the account, and lets its owner in again whatever was
-- tried on it, from where its owner is too. The account is null if there is no such token, or no more, or if its issuer is no
-- administrator any more.
create function reset_password(token bytea, new_hash text, network text, out account uuid, out issued_by uuid)
    language plpgsql
as $$
declare
    address text;
    tried text[];
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
    tried := array[rate_limit_key('login.account', address), rate_limit_key('login.account_and_ip', address || ' ' || network)];
    perform from rate_limits l where l.key = any (tried) order by l.key for update;
    delete from rate_limits l where l.key = any (tried);
end
$$;
