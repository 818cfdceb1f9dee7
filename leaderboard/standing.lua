-- Reads where people stand in a season, and where their units stand, all at one
-- instant.
--
-- KEYS[1]  meta of the campaign (hash)
-- KEYS[2]  contrib of the season (hash)
-- KEYS[3]  contrib of all-time (hash)
-- KEYS[4]  people:all of the season (sorted set)
-- KEYS[5..] boards of units (sorted sets)
-- ARGV[1]  the generation that KEYS from 2 are of
-- ARGV[2..] for each person: the account, how many units, and for each unit the
--          number of its board's key and the unit to look for on it
--
-- Returns {gen, next} when meta reads another generation. Otherwise
-- {gen, next, W, person, person, ...} in the order asked, a person being
-- {contrib of the season, of all-time, place, place, ...}, the first two ""
-- where there is none. The first place is the person's, whether hidden or not:
-- what the rank would be; the others are the units'. A place is
-- {sum, members above, members, next greater sum, members above that}; sum is
-- "" for a unit that is not on the board, the next sum "" for the first.

local found = redis.call('HMGET', KEYS[1], 'gen', 'next', 'w:' .. ARGV[1])
local gen, nextgen = found[1] or '', found[2] or ''
if gen ~= ARGV[1] then return {gen, nextgen} end

local sizes = {}
local function place(key, sum)
  local board = KEYS[key]
  sizes[key] = sizes[key] or redis.call('ZCARD', board)
  if not sum then return {'', 0, sizes[key], '', 0} end
  local above = redis.call('ZCOUNT', board, '(' .. sum, '+inf')
  if above == 0 then return {sum, 0, sizes[key], '', 0} end
  local greater = redis.call('ZRANGEBYSCORE', board, '(' .. sum, '+inf', 'WITHSCORES', 'LIMIT', '0', '1')[2]
  return {sum, above, sizes[key], greater, redis.call('ZCOUNT', board, '(' .. greater, '+inf')}
end

local accounts, units = {}, {}
local at = 2
while at <= #ARGV do
  accounts[#accounts + 1] = ARGV[at]
  local last = at + 1 + 2 * tonumber(ARGV[at + 1])
  units[#accounts] = {at + 2, last}
  at = last + 1
end
local inSeason = redis.call('HMGET', KEYS[2], unpack(accounts))
local inAll = redis.call('HMGET', KEYS[3], unpack(accounts))

local reply = {gen, nextgen, found[3] or ''}
for i = 1, #accounts do
  local season = inSeason[i] or ''
  local person = {season, inAll[i] or '', place(4, string.match(season, '^%d+|%d|(-?%d+)') or '0')}
  for u = units[i][1], units[i][2], 2 do
    local key = tonumber(ARGV[u])
    person[#person + 1] = place(key, redis.call('ZSCORE', KEYS[key], ARGV[u + 1]))
  end
  reply[#reply + 1] = person
end
return reply
