"""The queue. Folders stand in the order a job meets them:

`domain` the rules, pure · `models` the tables · `broker` what lives in Redis · `lifecycle` the one writer of state ·
`intake` caller → committed row · `execution` message → journalled outcome · `control` what operators do ·
`keeper` journal → rows, and whatever a crash left behind → put right.
"""
