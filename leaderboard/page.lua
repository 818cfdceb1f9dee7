-- Reads pages of boards, and what is needed to rank them, at one instant.
--
-- KEYS[1]  meta of the campaign (hash)
-- KEYS[2]  changes of the generation (hash)
-- KEYS[3..] the boards (sorted sets)
-- ARGV[1]  the generation that KEYS from 2 are of
-- ARGV[2..] for each page: the number of its board's key, the board's field in
--          changes, a member to put in the middle of the page ("" for none), how
--          many rows to pass over where there is no such member, and how many
--          rows to give, at least 1
--
-- Returns {gen, next} when meta reads another generation. Otherwise
-- {gen, next, W, page, page, ...} in the order asked; W is "" where there is
-- none. A page is one text, whose lines are: rows on the board, rows passed over,
-- rows with a sum above the first one given, the board's version ("0" where there
-- is none), and then member and sum of each row. No id has a line feed; and a list
-- of thirty values costs as much to hand over as to find.

local call = redis.call
local changes = KEYS[2]
local found = call('HMGET', KEYS[1], 'gen', 'next', 'w:' .. ARGV[1])
local gen, nextgen = found[1] or '', found[2] or ''
if gen ~= ARGV[1] then return {gen, nextgen} end

local sizes, versions = {}, {}
local reply = {gen, nextgen, found[3] or ''}
for at = 2, #ARGV, 5 do
  local number, member = tonumber(ARGV[at]), ARGV[at + 2]
  local offset, limit = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local board = KEYS[number]
  local total = sizes[number]
  if not total then
    total = call('ZCARD', board)
    sizes[number] = total
    versions[number] = call('HGET', changes, ARGV[at + 1]) or '0'
  end
  if member ~= '' then
    local rank = call('ZREVRANK', board, member)
    if rank then
      offset = math.max(0, math.min(rank - math.floor((limit - 1) / 2), total - limit))
    end
  end
  local page = {total, offset, 0, versions[number]}
  if offset < total then
    local first = string.format('%.0f', offset)
    local last = string.format('%.0f', offset + limit - 1)
    local rows = call('ZREVRANGE', board, first, last, 'WITHSCORES')
    page[3] = call('ZCOUNT', board, '(' .. rows[2], '+inf')
    page[5] = table.concat(rows, '\n')
  end
  reply[#reply + 1] = table.concat(page, '\n')
end
return reply
