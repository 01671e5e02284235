drop function end_sessions;

-- Ends the sessions that a request names and those that the cookies of the same browser name; or with them all others of their user,
-- whose devices are forgotten then, and the tokens for other accounts that they issued. That takes a named session that is live and,
-- where a refresh token names it, that token or the one before; of several the first decides. Returns whose sessions they were, which
-- have ended, and whether that is what was asked for. A counter is null where no refresh token names the session.
create function end_sessions(
    named uuid[], counters integer[], browser_sessions uuid[], all_of_them boolean, out account uuid, out ended uuid[], out is_done boolean
)
    language plpgsql
as $$
declare
    owner uuid;
begin
    perform from users u
    where u.id = any (array(select s.user_id from sessions s where s.id = any (named || browser_sessions)))
    order by u.id for no key update;
    if all_of_them then
        select u.id into owner
        from unnest(named, counters) with ordinality as n (session, counter, place)
            join sessions s on s.id = n.session
            join users u on u.id = s.user_id
        where is_live(s, u) and (n.counter is null or s.refresh_counter in (n.counter, n.counter + 1))
        order by n.place limit 1;
    end if;
    is_done := not all_of_them or owner is not null;
    with past as (
        delete from sessions s where s.id = any (named || browser_sessions) or s.user_id = owner
        returning s.id, s.user_id
    )
    -- The account may have lost the first session before, and another one of the browser be all there was.
    select array_agg(p.id), coalesce(owner, (array_agg(p.user_id order by array_position(named, p.id)))[1]) into ended, account
    from past p;
    if owner is not null then
        delete from known_devices k where k.user_id = owner;
        perform lock_resets(owner);
        delete from password_resets r where r.issued_by = owner;
    end if;
end
$$;
