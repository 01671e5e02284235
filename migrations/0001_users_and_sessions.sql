-- People who can sign in, and their sessions.

-- Times leave the database as text: Spin's Postgres interface cannot carry timestamptz.
create function rfc3339(instant timestamptz) returns text
    language sql stable parallel safe
    return to_char(instant at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

create table users (
    id                uuid        primary key default gen_random_uuid(),
    email             text        not null,
    full_name         text,
    role              text        not null default 'user',
    is_active         boolean     not null default true,
    password_hash     text        not null,
    email_verified_at timestamptz,
    mfa_enabled_at    timestamptz,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    last_login_at     timestamptz,
    constraint users_email_key unique (email),
    constraint users_email_check check (email = lower(btrim(email)) and length(email) between 3 and 254),
    constraint users_full_name_check check (length(full_name) between 1 and 200),
    constraint users_role_check check (role in ('user', 'admin'))
);

comment on table users is 'Everybody who can sign in.';
comment on column users.email is 'Trimmed and lower-cased ASCII: addresses are compared without case.';
comment on column users.role is 'The role that counts; the one in a token is only a hint to clients.';
comment on column users.is_active is 'False locks the account out at once, whatever tokens it holds.';
comment on column users.password_hash is 'PHC string (Argon2id), or a bcrypt hash that is replaced at the next login.';

create table sessions (
    id              uuid        primary key default gen_random_uuid(),
    user_id         uuid        not null,
    created_at      timestamptz not null default now(),
    last_used_at    timestamptz not null default now(),
    expires_at      timestamptz not null,
    refresh_counter integer     not null default 0,
    ip              text,
    user_agent      text,
    constraint sessions_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index sessions_user_id_idx on sessions (user_id);

comment on table sessions is 'One row per login. An access token is good only while its session is.';
comment on column sessions.expires_at is 'The absolute end; a session is also over when its row is gone.';
comment on column sessions.refresh_counter is 'How often the refresh token was rotated; it is part of the token, so the token itself is not stored.';
comment on column sessions.ip is 'The client address at login, as text: Spin cannot carry inet.';
