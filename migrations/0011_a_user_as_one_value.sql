-- A user is told as one value, JSON: for a host that prepares each statement anew, planning, describing and handing over eleven columns
-- costs more than finding them.

-- A user, as components read one. Inlined wherever it is called.
create function user_json(u users) returns text
    language sql stable parallel safe
    return json_build_object(
        'id', u.id, 'email', u.email, 'full_name', u.full_name, 'role', u.role, 'is_active', u.is_active,
        'email_verified', u.email_verified_at is not null, 'mfa_enabled', u.mfa_enabled_at is not null,
        'created_at', rfc3339(u.created_at), 'updated_at', rfc3339(u.updated_at), 'last_login_at', rfc3339(u.last_login_at),
        'must_change_password', u.must_change_password
    )::text;

drop function live_session;

-- The user of a live session; null when there is no such session.
create function signed_in(session uuid, account uuid) returns text
    language plpgsql stable parallel safe
as $$
begin
    return (
        select user_json(u) from sessions s join users u on u.id = s.user_id
        where s.id = signed_in.session and s.user_id = signed_in.account and is_live(s, u)
    );
end
$$;

drop function documents_terms;

-- On what terms somebody's request is forwarded to the documents service, as JSON; null when there is no such account. There may be
-- no such app: then nobody but an administrator may use it. Of their groups at most one more than are told.
create function documents_terms(account uuid, app text) returns text
    language plpgsql stable parallel safe
as $$
begin
    return (
        select json_build_object(
            'may_use', coalesce(
                (select may_use(a, u.role, granted_apps(u.id)) from apps a where a.key = documents_terms.app), u.role = 'admin'
            ),
            'groups', array(select m.group_id from group_members m where m.user_id = u.id order by m.group_id limit 101),
            'documents_limit', (select s.max_pdf_mb from documents_settings s)
        )
        from users u where u.id = documents_terms.account
    );
end
$$;
