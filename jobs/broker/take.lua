-- Give the next message to a process that has just ended an attempt, with its claim: what its parent would fetch for it.
-- Only what may start as it is; everything else stays where it is, for the parent. An old message comes without a claim:
-- whether it may start is then for SQL to say.
-- Answers false for what is the parent's, {} when there is nothing.
-- KEYS: claim that was ended, journal, the queues in order.
-- ARGV: token that ended it, database of the queues, of the journal, start of a claim's key, executor, body,
--       oldest `published_at` to trust, longest message, the queue that a message was popped from already ('' for none)
--       and that message, which is put back first; names of the tasks to take.
local popped_from = ARGV[9]
if popped_from == '' then
  local token = string.match(redis.call('GET', KEYS[1]) or '', '^over %S+ %S+ (%S+)')
  if token ~= ARGV[1] then
    return false
  end
end
redis.call('SELECT', ARGV[2])
if popped_from ~= '' then
  redis.call('RPUSH', popped_from, ARGV[10])
end
local queue, item
for index = 3, #KEYS do
  queue = KEYS[index]
  item = redis.call('LINDEX', queue, -1)
  if item then
    break
  end
end
if not item then
  return {}
end
if #item > tonumber(ARGV[8]) or string.find(item, '[\128-\255]') then
  return false
end
local readable, message = pcall(cjson.decode, item)
local headers = readable and type(message) == 'table' and message['headers']
if type(headers) ~= 'table' or headers['v'] ~= 1 or type(headers['id']) ~= 'string' then
  return false
end
local function is_none(value)
  return value == nil or value == cjson.null or value == false
end
local limits = headers['timelimit']
local is_plain = is_none(headers['expires_at']) and is_none(headers['expires']) and is_none(headers['eta'])
  and is_none(headers['sealed'])
  and (is_none(limits) or (type(limits) == 'table' and is_none(limits[1]) and is_none(limits[2])))
  and type(headers['published_at']) == 'string' and string.sub(headers['published_at'], -6) == '+00:00'
  and type(headers['attempt']) == 'number' and headers['attempt'] >= 1
  and message['content-type'] == 'application/json' and message['content-encoding'] == 'utf-8'
  and type(message['body']) == 'string' and type(message['properties']) == 'table'
local is_wanted = false
for index = 11, #ARGV do
  is_wanted = is_wanted or headers['task'] == ARGV[index]
end
if not is_plain or not is_wanted then
  return false
end
local attempt = string.format('%d', headers['attempt'])
local claim = ARGV[4] .. headers['id'] .. ':' .. attempt
redis.call('SELECT', ARGV[3])
if redis.call('EXISTS', claim) == 1 then
  return false
end
-- First what a restricted account may refuse: a script that ends here has changed nothing.
redis.call('SELECT', ARGV[2])
redis.call('RPOP', queue)
redis.call('SELECT', ARGV[3])
if headers['published_at'] <= ARGV[7] then
  return {queue, item}
end
local now = redis.call('TIME')
local ms_text = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
redis.call('SET', claim, 'run ' .. ms_text .. ' ' .. ARGV[5])
redis.call('XADD', KEYS[2], '*', 'k', 'started', 'j', headers['id'], 'n', attempt, 't', ms_text, 'b', ARGV[6])
return {queue, item, ms_text}
