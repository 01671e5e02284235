-- What people say about themselves, and what the list of users needs to be quick with many of them.

create table profiles (
    user_id    uuid        primary key,
    phone      text,
    job_title  text,
    department text,
    address    text,
    bio        text,
    timezone   text,
    locale     text,
    avatar_url text,
    updated_at timestamptz not null default now(),
    constraint profiles_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

comment on table profiles is 'Who has no row has an empty profile: it is made by the first change. The name is in users.';

alter table users add column sessions_ended_at timestamptz;

comment on column users.sessions_ended_at is 'Sessions that began before are over, whether they were deleted or not.';

create index users_created_at_idx on users (created_at, id);
create index users_admins_idx on users (created_at, id) where role = 'admin';
create index users_inactive_idx on users (created_at, id) where not is_active;

-- What a search may find, in one text for one index.
create function search_text(email text, full_name text) returns text
    language sql immutable parallel safe
    return lower(email || E'\n' || coalesce(full_name, ''));

-- Where the extension may not be created, a search reads all users instead.
do $$
begin
    create extension if not exists pg_trgm;
    create index users_search_idx on users using gin (search_text(email, full_name) gin_trgm_ops);
exception
    when insufficient_privilege or undefined_file or feature_not_supported then
        raise notice 'pg_trgm is not to be had: searching people will be slower';
end
$$;
