-- Apps, and who may use them.

create table apps (
    key            text        primary key,
    name           text        not null,
    description    text,
    default_access text        not null default 'granted',
    service_key    text,
    position       integer     not null default 0,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    constraint apps_key_check check (key ~ '^[a-z][a-z0-9-]{0,62}$'),
    constraint apps_default_access_check check (default_access in ('everyone', 'granted'))
);

create index apps_position_idx on apps (position, key);

comment on table apps is 'What people can be let into. Administrators may use every one.';
comment on column apps.default_access is 'everyone: who is signed in may use it; granted: who was let in, or a group of theirs was.';
comment on column apps.service_key is 'The service whose health is shown with it: a key of the variable registry.';

insert into apps (key, name, description, default_access, service_key, position) values
    ('documents', 'Documents', 'Upload, find and share documents', 'everyone', 'documents', 1),
    ('ai', 'AI assistant', 'Ask the assistant', 'everyone', 'ai', 2);

-- Whoever goes takes what they were granted with them, and so does an app: nothing is left of a grant whose parts are not there.
create table app_users (
    app_key    text        not null,
    user_id    uuid        not null,
    granted_at timestamptz not null default now(),
    constraint app_users_pkey primary key (app_key, user_id),
    constraint app_users_app_key_fkey foreign key (app_key) references apps (key) on delete cascade,
    constraint app_users_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index app_users_user_id_idx on app_users (user_id);

create table app_groups (
    app_key    text        not null,
    group_id   uuid        not null,
    granted_at timestamptz not null default now(),
    constraint app_groups_pkey primary key (app_key, group_id),
    constraint app_groups_app_key_fkey foreign key (app_key) references apps (key) on delete cascade,
    constraint app_groups_group_id_fkey foreign key (group_id) references groups (id) on delete cascade
);

create index app_groups_group_id_idx on app_groups (group_id);
