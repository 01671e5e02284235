-- What the health poll has found.

create table services (
    key             text        primary key,
    status          text        not null default 'unknown',
    latency_ms      integer,
    error           text,
    checked_at      timestamptz,
    last_healthy_at timestamptz,
    constraint services_status_check check (status in ('healthy', 'unhealthy', 'unknown'))
);

comment on table services is 'The last reading of each service. Which services there are is said by the variable registry.';

create table service_readings (
    service_key text        not null,
    checked_at  timestamptz not null default now(),
    status      text        not null,
    latency_ms  integer,
    error       text,
    constraint service_readings_pkey primary key (service_key, checked_at),
    constraint service_readings_status_check check (status in ('healthy', 'unhealthy'))
);

create index service_readings_checked_at_idx on service_readings (checked_at);

comment on table service_readings is 'The readings of the last 24 hours.';

create table ticks (
    name       text        primary key,
    claimed_at timestamptz not null,
    done_at    timestamptz
);

comment on table ticks is 'Who does the regular work: a replica claims a turn by moving claimed_at, and the others leave it alone.';
