-- Accounts that administrators make: whoever was given a password chooses one of their own.

alter table users add column must_change_password boolean not null default false;

comment on column users.must_change_password is 'Somebody else knows the password: nothing but choosing another one is let through.';

create or replace function change_password(account uuid, kept_session uuid, old_hash text, new_hash text) returns boolean
    language plpgsql
as $$
declare
    address text;
begin
    update users set password_hash = new_hash, must_change_password = false, updated_at = now()
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

create or replace function reset_password(token bytea, new_hash text, network text) returns uuid
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
    update users
    set password_hash = new_hash, must_change_password = false, sessions_ended_at = clock_timestamp(), updated_at = now()
    where id = account;
    delete from sessions where user_id = account;
    delete from password_resets where user_id = account;
    delete from outbox where recipient = address and kind = 'password_reset';
    tried := array[rate_limit_key('login.account', address), rate_limit_key('login.account_and_ip', address || ' ' || network)];
    perform from rate_limits where key = any (tried) order by key for update;
    delete from rate_limits where key = any (tried);
    return account;
end
$$;
