-- Close one attempt and put its outcome into the journal, once. Whoever comes later is only noted as late.
-- KEYS: claim, journal.  ARGV: incarnation, token ('-' on behalf of another), job, attempt, outcome, body, note_late.
local now = redis.call('TIME')
local ms_text = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
local held = redis.call('GET', KEYS[1])
if held then
  local state, since, incarnation, token = string.match(held, '^(%S+) (%S+) (%S+) (%S+)')
  if state == 'over' and token == ARGV[2] and token ~= '-' then
    return 'recorded'
  end
  if state == 'over' or incarnation ~= ARGV[1] then
    if ARGV[7] == '1' then
      redis.call('XADD', KEYS[2], '*', 'k', 'late', 'j', ARGV[3], 'n', ARGV[4], 't', ms_text, 'b', ARGV[5])
    end
    return 'over'
  end
end
redis.call('SET', KEYS[1], 'over ' .. ms_text .. ' ' .. ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[5])
redis.call('XADD', KEYS[2], '*', 'k', 'ended', 'j', ARGV[3], 'n', ARGV[4], 't', ms_text, 'b', ARGV[6], 'c', held or '')
return 'recorded'
