-- Groups of people.

create table groups (
    id          uuid        primary key default gen_random_uuid(),
    name        text        not null,
    name_key    text        not null generated always as (lower(normalize(name, nfkc))) stored,
    description text,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    constraint groups_name_key unique (name_key),
    constraint groups_name_check check (length(name) between 1 and 300)
);



comment on column groups.name is 'At most 100 characters as they were typed; normalising may make three of one.';
comment on column groups.name_key is 'The name normalised and without case, by which names are compared and sorted.';

create table group_members (
    group_id  uuid        not null,
    user_id   uuid        not null,
    joined_at timestamptz not null default now(),
    constraint group_members_pkey primary key (group_id, user_id),
    constraint group_members_group_id_fkey foreign key (group_id) references groups (id) on delete cascade,
    constraint group_members_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index group_members_user_id_idx on group_members (user_id);
