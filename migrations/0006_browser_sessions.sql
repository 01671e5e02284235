-- Refresh tokens that rotate, and sessions that end when they are not used.

alter table sessions add column rotated_at timestamptz;
alter table sessions add column idle_expires_at timestamptz;
update sessions set idle_expires_at = expires_at;
alter table sessions alter column idle_expires_at set not null;

comment on column sessions.rotated_at is 'When the refresh token was rotated last: the one before is good for a few seconds more.';
comment on column sessions.idle_expires_at is 'When it ends unless its refresh token is used before.';

drop index sessions_user_id_idx;
create index sessions_user_id_idx on sessions (user_id, created_at, id);
create index sessions_expires_at_idx on sessions (least(expires_at, idle_expires_at));
