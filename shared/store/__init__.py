"""Runs, transitions, jobs, watches and schedules as rows, over the table interface.

Partitions: one for each chain (its runs, their transitions, what started them, who may run), one for each
place (claims and watched jobs), and three small ones: `index` (runs under way, newest runs), `watches` and
`schedules`. What must change together lies in one partition, so that it changes in one write.
"""
