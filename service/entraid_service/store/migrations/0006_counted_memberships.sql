-- A membership counts once its user is there: Graph goes on telling those of deleted users who may be restored.

UPDATE generation SET membership_count = (
    SELECT count(*)
    FROM membership m CROSS JOIN directory_user u ON u.generation = m.generation AND u.object_id = m.member_id
    WHERE m.generation = generation.id
) + (SELECT count(*) FROM nesting n WHERE n.generation = generation.id)
WHERE id IN (SELECT s.generation FROM snapshot s UNION SELECT h.generation FROM held_read h);
