-- Reads a feed from a position on, as one consistent view.
--
-- KEYS[1] meta    hash: e epoch, o offset
-- KEYS[2] log     stream, ids "<offset>-0"
-- ARGV[1] epoch to begin with where the feed has none; "" begins nothing
-- ARGV[2] first offset to read    ARGV[3] at most so many entries
-- ARGV[4] how long the meta is kept when it begins here, ms
-- Returns {epoch, offset as a string, entries as XRANGE gives them}; the epoch
-- is "" when there is none.
local epoch = redis.call('HGET', KEYS[1], 'e')
if not epoch then
  if ARGV[1] == '' then return {'', '0', {}} end
  redis.call('DEL', KEYS[2])
  epoch = ARGV[1]
  redis.call('HSET', KEYS[1], 'e', epoch, 'o', '0')
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
local offset = redis.call('HGET', KEYS[1], 'o') or '0'
return {epoch, offset, redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+', 'COUNT', ARGV[3])}
