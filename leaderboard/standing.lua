-- Reads where a person stands in a season, and where their units stand, at one
-- instant.
--
-- KEYS[1]  meta of the campaign (hash)
-- KEYS[2]  contrib of the season (hash)
-- KEYS[3]  contrib of all-time (hash)
-- KEYS[4]  people:all of the season (sorted set)
-- KEYS[5..] boards of units (sorted sets)
-- ARGV[1]  the generation that KEYS from 2 are of
-- ARGV[2]  the account
-- ARGV[3..] the unit to look for on the board at KEYS[5..]
--
-- Returns {gen, next} when meta reads another generation. Otherwise
-- {gen, next, W, contrib of the season, of all-time, place, place, ...}, the
-- first two "" where there is none. The first place is the person's, whether
-- hidden or not: what the rank would be. A place is
-- {sum, members above, members, next greater sum, members above that}; sum is
-- "" for a unit that is not on the board, the next sum "" for the first.

local account = ARGV[2]
local found = redis.call('HMGET', KEYS[1], 'gen', 'next', 'w:' .. ARGV[1])
local gen, nextgen = found[1] or '', found[2] or ''
if gen ~= ARGV[1] then return {gen, nextgen} end

local function place(board, sum)
  local of = redis.call('ZCARD', board)
  if not sum then return {'', 0, of, '', 0} end
  local above = redis.call('ZCOUNT', board, '(' .. sum, '+inf')
  local greater = redis.call('ZRANGEBYSCORE', board, '(' .. sum, '+inf', 'WITHSCORES', 'LIMIT', '0', '1')[2]
  if not greater then return {sum, above, of, '', 0} end
  return {sum, above, of, greater, redis.call('ZCOUNT', board, '(' .. greater, '+inf')}
end

local inSeason = redis.call('HGET', KEYS[2], account) or ''
local inAll = redis.call('HGET', KEYS[3], account) or ''
local points = string.match(inSeason, '^%d+|%d|(-?%d+)') or '0'
local reply = {gen, nextgen, found[3] or '', inSeason, inAll, place(KEYS[4], points)}
for i = 5, #KEYS do
  reply[#reply + 1] = place(KEYS[i], redis.call('ZSCORE', KEYS[i], ARGV[i - 2]))
end
return reply
