-- What every request reads. Hosts prepare each statement anew, and planning these takes several times as long as executing them; what
-- a function in PL/pgSQL does is planned once for a connection. Parameters are named with their function in statements: a column that
-- a table gets later could have the same name.

-- Whether a session is live. Inlined wherever it is called.
create function is_live(s sessions, u users) returns boolean
    language sql stable parallel safe
    return s.expires_at > now() and s.idle_expires_at > now() and u.is_active
        and s.created_at > coalesce(u.sessions_ended_at, '-infinity');

-- The user of a live session, as they are shown. All is null when there is no such session.
create function live_session(
    session uuid, account uuid,
    out id uuid, out email text, out full_name text, out role text, out is_active boolean, out email_verified boolean,
    out mfa_enabled boolean, out created_at text, out updated_at text, out last_login_at text, out must_change_password boolean
)
    language plpgsql stable parallel safe
as $$
begin
    select u.id, u.email, u.full_name, u.role, u.is_active, u.email_verified_at is not null, u.mfa_enabled_at is not null,
           rfc3339(u.created_at), rfc3339(u.updated_at), rfc3339(u.last_login_at), u.must_change_password
    into id, email, full_name, role, is_active, email_verified, mfa_enabled, created_at, updated_at, last_login_at,
         must_change_password
    from sessions s join users u on u.id = s.user_id
    where s.id = live_session.session and s.user_id = live_session.account and is_live(s, u);
end
$$;

-- The apps that were granted to somebody or to a group of theirs.
create function granted_apps(account uuid) returns text[]
    language plpgsql stable parallel safe
as $$
begin
    return array(
        select g.app_key from app_users g where g.user_id = granted_apps.account
        union all
        select g.app_key from app_groups g join group_members m on m.group_id = g.group_id
        where m.user_id = granted_apps.account
    );
end
$$;

-- Whether somebody of this role, who was granted these apps, may use this one. Inlined wherever it is called.
create function may_use(a apps, role text, granted text[]) returns boolean
    language sql immutable parallel safe
    return role = 'admin' or a.default_access = 'everyone' or a.key = any (granted);

-- On what terms somebody's request is forwarded to the documents service. There may be no such app: then nobody but an
-- administrator may use it. Of their groups at most one more than are told.
create function documents_terms(
    account uuid, role text, app text, out may_use boolean, out groups text[], out documents_limit integer
)
    language plpgsql stable parallel safe
as $$
begin
    may_use := coalesce(
        (
            select may_use(a, documents_terms.role, granted_apps(documents_terms.account))
            from apps a where a.key = documents_terms.app
        ),
        role = 'admin'
    );
    groups := array(
        select m.group_id::text from group_members m where m.user_id = documents_terms.account order by m.group_id limit 101
    );
    documents_limit := (select s.max_pdf_mb from documents_settings s);
end
$$;
