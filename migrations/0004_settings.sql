-- What administrators set. Each table has exactly one row.

create table ai_settings (
    is_only        boolean     primary key default true,
    provider       text        not null default 'openai',
    model          text,
    base_url       text,
    api_key        bytea,
    api_key_hint   text,
    api_key_key_id text,
    updated_at     timestamptz not null default now(),
    updated_by_id  uuid,
    constraint ai_settings_is_only_check check (is_only),
    constraint ai_settings_provider_check check (provider in ('openai', 'anthropic', 'ollama', 'custom')),
    constraint ai_settings_api_key_check check (num_nulls(api_key, api_key_hint, api_key_key_id) in (0, 3)),
    constraint ai_settings_updated_by_id_fkey foreign key (updated_by_id) references users (id) on delete set null
);

comment on column ai_settings.api_key is 'Encrypted: see docs/ARCHITECTURE.md.';
comment on column ai_settings.api_key_hint is 'The last four characters, for people.';
comment on column ai_settings.api_key_key_id is 'Which key it is encrypted with.';

insert into ai_settings default values;

create table documents_settings (
    is_only       boolean     primary key default true,
    max_pdf_mb    integer     not null default 25,
    updated_at    timestamptz not null default now(),
    updated_by_id uuid,
    constraint documents_settings_is_only_check check (is_only),
    constraint documents_settings_max_pdf_mb_check check (max_pdf_mb between 1 and 500),
    constraint documents_settings_updated_by_id_fkey foreign key (updated_by_id) references users (id) on delete set null
);

insert into documents_settings default values;
