-- Applies postings to the boards and moves the watermark, in one step.
--
-- KEYS[1]  meta of the campaign (hash)
-- KEYS[2]  the seasons that are closed (set)
-- KEYS[3..] one block of keys for each generation that takes the lines. All
--          blocks have the same order: 1 changes, 2 members, 3 hours, then
--          what the payload refers to by its number within the block.
-- ARGV[1]  the payload, JSON:
--   gen, next  the generations the caller knows; "" for none
--   block      keys in a block
--   moves      [[field of meta, what it was read as, what it becomes], ...];
--              "" is an absent field
--   places     [{p: [boards that list the person], u: [board, unit, ...]}, ...]
--   windows    [{id, contrib, lines}, ...], at most one line an account:
--              [account, n, hidden 0/1, [[place, points], ...]], and for
--              all-time behind it: home, hour of joining, key of that hour
--
-- Returns {"unknown", gen, next} when the caller knows other generations than
-- meta names, {"moved", field} when a field is not what was read; nothing has
-- changed then. Otherwise {"ok", lines written, lines refused because their
-- season is closed}, counted over all blocks.
--
-- contrib holds "n|hidden|p1,p2,...", one p for each share, and for all-time
-- "n|hidden|p1,p2,...|hour|home".

local meta, closed = KEYS[1], KEYS[2]
local order = cjson.decode(ARGV[1])

local function integer(n) return string.format('%.0f', n) end

local known = redis.call('HMGET', meta, 'gen', 'next')
local gen, nextgen = known[1] or '', known[2] or ''
if gen ~= order.gen or nextgen ~= order.next then
  return {'unknown', gen, nextgen}
end
for _, m in ipairs(order.moves) do
  if (redis.call('HGET', meta, m[1]) or '') ~= m[2] then
    return {'moved', m[1]}
  end
end

-- Calls a command with a list too long for one unpack.
local function chunked(command, key, list)
  for i = 1, #list, 1000 do
    redis.call(command, key, unpack(list, i, math.min(i + 999, #list)))
  end
end

local function lookup(key, fields)
  local found = {}
  for i = 1, #fields, 1000 do
    local part = redis.call('HMGET', key, unpack(fields, i, math.min(i + 999, #fields)))
    for j = 1, #part do found[i + j - 1] = part[j] end
  end
  return found
end

-- What is stored of an account: n, hidden, points by share, hour, home.
local function parse(stored)
  if not stored then return 0, nil, {}, nil, nil end
  local n, hidden, list, hour, home = string.match(stored, '^(%d+)|(%d)|([^|]*)|?([^|]*)|?(.*)$')
  local points = {}
  for p in string.gmatch(list, '-?%d+') do points[#points + 1] = tonumber(p) end
  return tonumber(n), hidden == '1', points, hour, home
end

local written, refused = 0, 0

local function apply(at)
  local changes, members, hours = KEYS[at + 1], KEYS[at + 2], KEYS[at + 3]
  local touched = {} -- boards that this call changes, by number
  local sums = {}    -- by board and unit: what to add

  -- A person with no points is on no board.
  local function addPerson(board, points, account)
    if points == 0 then return end
    local sum = redis.call('ZINCRBY', KEYS[at + board], integer(points), account)
    if tonumber(sum) == 0 then redis.call('ZREM', KEYS[at + board], account) end
    touched[board] = true
  end

  -- A unit is listed as soon as anybody scores for it, be it with 0.
  local function addUnits(units, points)
    for i = 1, #units, 2 do
      local board, unit = units[i], units[i + 1]
      local sum = sums[board]
      if not sum then
        sum = {}
        sums[board] = sum
      end
      sum[unit] = (sum[unit] or 0) + points
    end
  end

  local function addMember(joined, hour, home, by)
    redis.call('HINCRBY', members, home, by)
    redis.call('HINCRBY', joined, home, by)
    if by > 0 then redis.call('SADD', hours, hour) end
  end

  for _, window in ipairs(order.windows) do
    if window.id ~= 'all' and redis.call('SISMEMBER', closed, window.id) == 1 then
      refused = refused + #window.lines
    else
      local contrib = KEYS[at + window.contrib]
      local accounts, writes = {}, {}
      for i, line in ipairs(window.lines) do accounts[i] = line[1] end
      local stored = lookup(contrib, accounts)
      for i, line in ipairs(window.lines) do
        local account, n, hidden, shares = line[1], line[2], line[3] == 1, line[4]
        local home, hour, joined = line[5], line[6], line[7]
        local n0, hidden0, points0, hour0, home0 = parse(stored[i])
        -- The version check: what is not newer changes nothing.
        if n > n0 then
          local points = {}
          for s, share in ipairs(shares) do
            local spot, p = order.places[share[1]], share[2]
            local p0 = points0[s]
            points[s] = integer(p)
            if p ~= p0 then addUnits(spot.u, p - (p0 or 0)) end
            for _, board in ipairs(spot.p) do
              if hidden then
                if hidden0 == false and redis.call('ZREM', KEYS[at + board], account) == 1 then
                  touched[board] = true
                end
              elseif hidden0 then
                addPerson(board, p, account)
              else
                addPerson(board, p - (p0 or 0), account)
              end
            end
          end
          local value = integer(n) .. '|' .. integer(line[3]) .. '|' .. table.concat(points, ',')
          if home then
            hour = integer(hour)
            if home ~= home0 then
              -- The hour of joining is the same in all postings of an account.
              if home0 then addMember(KEYS[at + joined], hour0, home0, -1) end
              addMember(KEYS[at + joined], hour, home, 1)
            end
            value = value .. '|' .. hour .. '|' .. home
          end
          writes[#writes + 1] = account
          writes[#writes + 1] = value
          written = written + 1
        end
      end
      chunked('HSET', contrib, writes)
    end
  end

  for board, units in pairs(sums) do
    for unit, points in pairs(units) do
      redis.call('ZINCRBY', KEYS[at + board], integer(points), unit)
    end
    touched[board] = true
  end

  -- A board's field in changes is the end of its key.
  local cut = #changes - #'changes' + 1
  local fields, seq = {}, nil
  for board in pairs(touched) do
    seq = seq or integer(redis.call('HINCRBY', changes, 'seq', 1))
    fields[#fields + 1] = string.sub(KEYS[at + board], cut)
    fields[#fields + 1] = seq
  end
  chunked('HSET', changes, fields)
end

for at = 2, #KEYS - 1, order.block do apply(at) end

for _, m in ipairs(order.moves) do
  if m[3] == '' then
    redis.call('HDEL', meta, m[1])
  else
    redis.call('HSET', meta, m[1], m[3])
  end
end
return {'ok', written, refused}
