-- An account that is taken back from somebody: what they issued with it ends, and their devices are forgotten.

-- Locks the reset tokens for an account and those that were issued with it, in one order. A token has two parties, of which only one need
-- be locked: without the order, two that each take the other's tokens would wait for each other.
create function lock_resets(account uuid) returns void
    language plpgsql
as $$
begin
    perform from password_resets r where r.user_id = lock_resets.account or r.issued_by = lock_resets.account
    order by r.token_hash for update;
end
$$;

-- Ends what somebody issued as an administrator. Called while their account is locked: nobody issues anything in their name then.
create or replace function withdraw_issued(issuer uuid) returns void
    language plpgsql
as $$
begin
    perform lock_resets(issuer);
    delete from password_resets r where r.issued_by = withdraw_issued.issuer;
    update one_time_passwords o set expires_at = '-infinity' where o.issued_by = withdraw_issued.issuer;
end
$$;

-- Changes what an account may do; null keeps a value. Returns no row if there is no such account, and is_refused if no active
-- administrator would be left.
create or replace function update_user(session uuid, caller uuid, account uuid, new_role text, new_is_active boolean)
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
    perform lock_resets(after.id);
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

-- Ends everything else that could replace or stand for the password of an account, and the tokens for other accounts that were issued with
-- it. Called while the account is locked.
create or replace function forget_passwords(account uuid, address text) returns void
    language plpgsql
as $$
begin
    perform lock_resets(forget_passwords.account);
    delete from password_resets r where r.user_id = forget_passwords.account or r.issued_by = forget_passwords.account;
    delete from one_time_passwords o where o.user_id = forget_passwords.account;
    delete from outbox o where o.recipient = forget_passwords.address and o.kind = 'password_reset';
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
    perform withdraw_issued(account);
    tried := array(
        select l.key
        from limits_of(array['login.account', 'login.account_and_ip'], array[address, address || ' ' || network], null, null) l
    );
    perform from rate_limits l where l.key = any (tried) order by l.key for update;
    delete from rate_limits l where l.key = any (tried);
end
$$;

drop function change_password;

-- Takes a password in place of another one, ends the other sessions of the account, forgets its devices but those that asked for this, and
-- takes back what the try has counted. It is not done if the account has another hash by then, or if the other one was an
-- administrator's, who is named, and is good for nothing any more. Raises as authorise does.
create function change_password(
    session uuid, account uuid, old_hash text, new_hash text, network text, devices uuid[], tried_device uuid, is_account_counted boolean,
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
    delete from known_devices k where k.user_id = change_password.account and k.device_key <> all (change_password.devices);
    perform forget_passwords(change_password.account, address);
    perform password_was_right(address, network, tried_device, is_account_counted);
end
$$;

drop function end_sessions;

-- Ends a session and those that the cookies of the same browser name; or with it all others of its user, whose devices are forgotten then,
-- and the tokens for other accounts that they issued. That takes a session that is live and, where a refresh token names it, that token
-- or the one before. Returns whose session it was, which have ended, and whether that is what was asked for.
create function end_sessions(
    session uuid, counter integer, browser_sessions uuid[], all_of_them boolean, out account uuid, out ended uuid[], out is_done boolean
)
    language plpgsql
as $$
begin
    is_done := not all_of_them;
    perform from users u
    where u.id = any (array(select s.user_id from sessions s where s.id = end_sessions.session or s.id = any (browser_sessions)))
    order by u.id for no key update;
    select s.user_id into account from sessions s where s.id = end_sessions.session;
    all_of_them := all_of_them and exists (
        select from sessions s join users u on u.id = s.user_id
        where s.id = end_sessions.session and is_live(s, u)
            and (counter is null or s.refresh_counter in (counter, counter + 1))
    );
    is_done := is_done or all_of_them;
    with past as (
        delete from sessions s
        where s.id = end_sessions.session or s.id = any (browser_sessions) or (end_sessions.all_of_them and s.user_id = account)
        returning s.id, s.user_id
    )
    -- The account may have lost the session before, and another one of the browser be all there was.
    select array_agg(p.id), coalesce(account, (array_agg(p.user_id))[1]) into ended, account from past p;
    if all_of_them then
        delete from known_devices k where k.user_id = account;
        perform lock_resets(account);
        delete from password_resets r where r.issued_by = account;
    end if;
end
$$;
