-- Names are compared by NFKC_Casefold of Unicode, which depends on no locale: final sigma, sharp s and soft hyphen make no difference,
-- nor does the form in which accents are sent.

-- Which letters have another case, where they have no decomposition: the first and the last of a range, 2 if it is every second one,
-- and how far away the other is. Made from CaseFolding.txt; a test compares it with a library.
do $make$
declare
    letters text;
    folded text;
begin
    select string_agg(chr(letter), '' order by letter), string_agg(chr(letter + away), '' order by letter) into letters, folded
    from (values
        (65, 90, 1, 32), (198, 198, 1, 32), (208, 208, 1, 32), (216, 216, 1, 32), (222, 222, 1, 32), (272, 272, 1, 1),
        (294, 294, 1, 1), (321, 321, 1, 1), (330, 330, 1, 1), (338, 338, 1, 1), (358, 358, 1, 1), (385, 385, 1, 210),
        (386, 388, 2, 1), (390, 390, 1, 206), (391, 391, 1, 1), (393, 394, 1, 205), (395, 395, 1, 1), (398, 398, 1, 79),
        (399, 399, 1, 202), (400, 400, 1, 203), (401, 401, 1, 1), (403, 403, 1, 205), (404, 404, 1, 207), (406, 406, 1, 211),
        (407, 407, 1, 209), (408, 408, 1, 1), (412, 412, 1, 211), (413, 413, 1, 213), (415, 415, 1, 214), (418, 420, 2, 1),
        (422, 422, 1, 218), (423, 423, 1, 1), (425, 425, 1, 218), (428, 428, 1, 1), (430, 430, 1, 218), (433, 434, 1, 217),
        (435, 437, 2, 1), (439, 439, 1, 219), (440, 440, 1, 1), (444, 444, 1, 1), (484, 484, 1, 1), (502, 502, 1, -97),
        (503, 503, 1, -56), (540, 540, 1, 1), (544, 544, 1, -130), (546, 548, 2, 1), (570, 570, 1, 10795), (571, 571, 1, 1),
        (573, 573, 1, -163), (574, 574, 1, 10792), (577, 577, 1, 1), (579, 579, 1, -195), (580, 580, 1, 69), (581, 581, 1, 71),
        (582, 590, 2, 1), (837, 837, 1, 116), (880, 882, 2, 1), (886, 886, 1, 1), (895, 895, 1, 116), (913, 929, 1, 32),
        (931, 937, 1, 32), (962, 962, 1, 1), (975, 975, 1, 8), (984, 1006, 2, 1), (1015, 1015, 1, 1), (1018, 1018, 1, 1),
        (1021, 1023, 1, -130), (1026, 1028, 2, 80), (1029, 1030, 1, 80), (1032, 1035, 1, 80), (1039, 1039, 1, 80),
        (1040, 1048, 1, 32), (1050, 1071, 1, 32), (1120, 1140, 2, 1), (1144, 1152, 2, 1), (1162, 1214, 2, 1),
        (1216, 1216, 1, 15), (1219, 1229, 2, 1), (1236, 1236, 1, 1), (1240, 1240, 1, 1), (1248, 1248, 1, 1),
        (1256, 1256, 1, 1), (1270, 1270, 1, 1), (1274, 1326, 2, 1), (1329, 1366, 1, 48), (4256, 4293, 1, 7264),
        (4295, 4295, 1, 7264), (4301, 4301, 1, 7264), (5112, 5117, 1, -8), (7296, 7296, 1, -6222), (7297, 7297, 1, -6221),
        (7298, 7298, 1, -6212), (7299, 7300, 1, -6210), (7301, 7301, 1, -6211), (7302, 7302, 1, -6204), (7303, 7303, 1, -6180),
        (7304, 7304, 1, 35267), (7305, 7305, 1, 1), (7312, 7354, 1, -3008), (7357, 7359, 1, -3008), (7930, 7934, 2, 1),
        (8498, 8498, 1, 28), (8579, 8579, 1, 1), (11264, 11311, 1, 48), (11360, 11360, 1, 1), (11362, 11362, 1, -10743),
        (11363, 11363, 1, -3814), (11364, 11364, 1, -10727), (11367, 11371, 2, 1), (11373, 11373, 1, -10780),
        (11374, 11374, 1, -10749), (11375, 11375, 1, -10783), (11376, 11376, 1, -10782), (11378, 11378, 1, 1),
        (11381, 11381, 1, 1), (11390, 11391, 1, -10815), (11392, 11490, 2, 1), (11499, 11501, 2, 1), (11506, 11506, 1, 1),
        (42560, 42604, 2, 1), (42624, 42650, 2, 1), (42786, 42798, 2, 1), (42802, 42862, 2, 1), (42873, 42875, 2, 1),
        (42877, 42877, 1, -35332), (42878, 42886, 2, 1), (42891, 42891, 1, 1), (42893, 42893, 1, -42280), (42896, 42898, 2, 1),
        (42902, 42920, 2, 1), (42922, 42922, 1, -42308), (42923, 42923, 1, -42319), (42924, 42924, 1, -42315),
        (42925, 42925, 1, -42305), (42926, 42926, 1, -42308), (42928, 42928, 1, -42258), (42929, 42929, 1, -42282),
        (42930, 42930, 1, -42261), (42931, 42931, 1, 928), (42932, 42946, 2, 1), (42948, 42948, 1, -48),
        (42949, 42949, 1, -42307), (42950, 42950, 1, -35384), (42951, 42953, 2, 1), (42955, 42955, 1, -42343),
        (42956, 42970, 2, 1), (42972, 42972, 1, -42561), (42973, 42973, 1, -42342), (42978, 42978, 1, -42342),
        (42997, 42997, 1, 1), (43884, 43885, 1, -33), (43888, 43967, 1, -38864), (66560, 66599, 1, 40), (66736, 66771, 1, 40),
        (66928, 66938, 1, 39), (66940, 66954, 1, 39), (66956, 66962, 1, 39), (66964, 66965, 1, 39), (68736, 68786, 1, 64),
        (68944, 68965, 1, 32), (71840, 71871, 1, 32), (93760, 93791, 1, 32), (93856, 93880, 1, 27), (122688, 122688, 1, 1),
        (122696, 122698, 2, 1), (122701, 122701, 1, 1), (122705, 122705, 1, 1), (122728, 122734, 2, 1), (122738, 122750, 2, 1),
        (125184, 125217, 1, 34)
    ) r (first, last, every, away), generate_series(r.first, r.last, r.every) letter;

    -- Decomposed, only the two forms of sharp s become two letters. What follows Unicode's Default_Ignorable_Code_Point is dropped.
    execute format(
        $function$
            create function folded(name text) returns text
                language sql immutable strict parallel safe
                return case
                    when octet_length(name) = length(name) then lower(name collate "C")
                    else normalize(
                        regexp_replace(
                            translate(replace(replace(normalize(name, nfkd), 'ß', 'ss'), 'ẞ', 'ss'), %L, %L),
                            '[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F'
                                || '\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFF8\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A'
                                || '\U000E0000-\U000E0FFF]',
                            '', 'g'
                        ),
                        nfkc
                    )
                end
        $function$,
        letters, folded
    );
end
$make$;

comment on function folded(text) is 'NFKC_Casefold: two names are the same one if this is.';

-- Of groups whose names are the same one by now, the oldest keeps its name. The others get a part of their id behind theirs, so that
-- nothing is lost and an administrator sees which they are.
alter table groups drop column name_key;

with known as (
    select id, row_number() over (partition by folded(name) order by created_at, id) as place, folded(name) = '' as is_blank
    from groups
)
update groups g set name = left(g.name, 289) || ' (' || left(g.id::text, 8) || ')', updated_at = now()
from known k where k.id = g.id and (k.place > 1 or k.is_blank);

alter table groups add column name_key text not null generated always as (folded(name)) stored;
alter table groups add constraint groups_name_key unique (name_key);

comment on column groups.name is 'At most 100 characters; those that were made before lengths were counted in NFC may have more.';
comment on column groups.name_key is 'By which names are compared and sorted.';

-- Folding takes a while, so it is done once for each name and not for each search.
alter table users add column name_key text generated always as (folded(full_name)) stored;

comment on column users.name_key is 'In which names are searched.';

-- Without the index a search reads all users: it is there where pg_trgm is (migration 0002).
drop index if exists users_search_idx;
drop function search_text;

-- What a search may find, in one text for one index. Addresses are in lower case, which is how they are folded.
create function search_text(email text, name_key text) returns text
    language sql immutable parallel safe
    return email || E'\n' || coalesce(name_key, '');

-- What a text is like that contains what was asked for.
create function search_pattern(q text) returns text
    language sql immutable parallel safe
    return '%' || replace(replace(replace(folded(q), '\', '\\'), '%', '\%'), '_', '\_') || '%';

do $$
begin
    create index users_search_idx on users using gin (search_text(email, name_key) gin_trgm_ops);
exception
    when undefined_object then
        raise notice 'pg_trgm is not there: searching people is slower';
end
$$;
