-- Reads a page of a board, and what is needed to rank it, at one instant.
--
-- KEYS[1]  meta of the campaign (hash)
-- KEYS[2]  the board (sorted set)
-- KEYS[3]  changes of the generation (hash)
-- ARGV[1]  the generation that KEYS 2 and 3 are of
-- ARGV[2]  the board's field in changes
-- ARGV[3]  a member to put in the middle of the page; "" for none
-- ARGV[4]  how many rows to pass over, where there is no such member
-- ARGV[5]  how many rows to give, at least 1
--
-- Returns {gen, next} when meta reads another generation. Otherwise
-- {gen, next, W, rows on the board, rows passed over, rows with a sum above the
-- first one given, version, {member, sum, member, sum, ...}}; W is "" and
-- version "0" where there is none.

local meta, board, changes = KEYS[1], KEYS[2], KEYS[3]
local found = redis.call('HMGET', meta, 'gen', 'next', 'w:' .. ARGV[1])
local gen, nextgen = found[1] or '', found[2] or ''
if gen ~= ARGV[1] then return {gen, nextgen} end

local offset, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local total = redis.call('ZCARD', board)
if ARGV[3] ~= '' then
  local rank = redis.call('ZREVRANK', board, ARGV[3])
  if rank then
    offset = math.max(0, math.min(rank - math.floor((limit - 1) / 2), total - limit))
  end
end
local rows, above = {}, 0
if offset < total then
  local first = string.format('%.0f', offset)
  local last = string.format('%.0f', offset + limit - 1)
  rows = redis.call('ZREVRANGE', board, first, last, 'WITHSCORES')
  above = redis.call('ZCOUNT', board, '(' .. rows[2], '+inf')
end
local version = redis.call('HGET', changes, ARGV[2]) or '0'
return {gen, nextgen, found[3] or '', total, offset, above, version, rows}
