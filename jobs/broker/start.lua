-- Win the claim of one attempt and say so in the journal, or learn who holds it.
-- KEYS: claim, journal, counters.  ARGV: executor "incarnation token beat pid worker", token, job, attempt, body.
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local ms_text = string.format('%.0f', ms)
if redis.call('SET', KEYS[1], 'run ' .. ms_text .. ' ' .. ARGV[1], 'NX') then
  redis.call('XADD', KEYS[2], '*', 'k', 'started', 'j', ARGV[3], 'n', ARGV[4], 't', ms_text, 'b', ARGV[5])
  return {1, ms_text}
end
local held = redis.call('GET', KEYS[1])
local state, since, incarnation, token, _, pid = string.match(held, '^(%S+) (%S+) (%S+) (%S+) ?(%S*) ?(%S*)')
if state == 'run' and token == ARGV[2] then
  return {1, since}
end
-- My parent's heart was faster: it renews the claim of what this process was given, and has journalled the start.
local my_incarnation, _, _, my_pid = string.match(ARGV[1], '^(%S+) (%S+) (%S+) (%S+)')
if state == 'run' and token == '-' and incarnation == my_incarnation and pid == my_pid then
  redis.call('SET', KEYS[1], 'run ' .. since .. ' ' .. ARGV[1])
  return {1, since}
end
redis.call('HINCRBY', KEYS[3], 'duplicates_suppressed', 1)
return {0, held}
