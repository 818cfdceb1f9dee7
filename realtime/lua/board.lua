-- Publishes the next version of a board, if the caller still is its publisher,
-- and renews the caller's lease.
--
-- KEYS[1] lease    string: the publisher's epoch
-- KEYS[2] meta     hash: e epoch, o version, s the board at o, JSON
-- KEYS[3] log      stream of changes, ids "<version>-0", fields k kind, d data
-- ARGV[1] the caller's epoch    ARGV[2] the version before this one, 0 in a new epoch
-- ARGV[3] kind: snapshot or delta    ARGV[4] data of that kind, JSON
-- ARGV[5] the board after it, JSON    ARGV[6] lease, ms
-- ARGV[7] changes to keep    ARGV[8] how long all is kept, ms    ARGV[9] channel to wake
-- Returns 1, or 0 when lease or version are not the caller's: nothing is written.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local version = string.format('%.0f', tonumber(ARGV[2]) + 1)
if ARGV[2] == '0' then
  if redis.call('HGET', KEYS[2], 'e') == ARGV[1] then return 0 end
  redis.call('DEL', KEYS[3])
else
  -- Redis may be an older state of itself that has the lease and not the last
  -- versions: going on would give a version two meanings.
  if redis.call('HGET', KEYS[2], 'e') ~= ARGV[1] or redis.call('HGET', KEYS[2], 'o') ~= ARGV[2] then return 0 end
end
redis.call('HSET', KEYS[2], 'e', ARGV[1], 'o', version, 's', ARGV[5])
redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[7], version .. '-0', 'k', ARGV[3], 'd', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
redis.call('PEXPIRE', KEYS[3], ARGV[8])
redis.call('PUBLISH', ARGV[9], '')
return 1
