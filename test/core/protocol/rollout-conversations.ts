/** The main courses a job can take, as scripts for `play`. Their traces are kept in `golden/`. */
export const conversations: Readonly<Record<string, string>> = {
  "good-publish": `
    nodes a b c
    policy quorum=2
    0 start a b c
    10 able a b c
    500 prepared b
    700 prepared a c
    710 ordered
    720 switched a b c
  `,

  "below-quorum-defer": `
    nodes a b c
    policy quorum=3 belowQuorum=defer
    0 start a b
    10 able a b
    # c stays away
    1000 wake
  `,

  "below-quorum-cancel": `
    nodes a b c
    policy quorum=3 belowQuorum=cancel
    0 start a b c
    10 able a b
    20 failed c: it has 5 bytes free, 10 are needed
  `,

  "quorum-lost-while-preparing": `
    nodes a b c
    policy quorum=2
    0 start a b c
    10 able a b c
    100 failed a: disk full
    # one of two can still fail; the second makes it hopeless, whatever c does
    200 failed b: disk full
    300 prepared c
  `,

  "late-node": `
    nodes a b c
    policy quorum=2
    0 start a b c
    10 able a b c
    100 prepared a b
    # c is slow: the others do not wait longer than they must
    10010 wake
    10020 ordered
    10030 switched a b
    10500 prepared c
    10600 switched c
  `,

  "late-node-while-ordering": `
    nodes a b c
    policy quorum=2
    0 start a b c
    10 able a b c
    100 prepared a b
    10010 wake
    10015 prepared c
    10020 ordered
    10030 switched a b c
  `,

  "lost-connection-while-gathering": `
    nodes a b
    policy quorum=2
    0 start a b
    10 able a
    15 disconnected a
    16 connected a
    20 disconnected b
    30 able b
    40 connected b
    50 able b
  `,

  "lost-connection-while-preparing": `
    nodes a b
    policy quorum=2
    0 start a b
    10 able a b
    100 disconnected b
    200 prepared a
    # whatever it was told may have been lost with the connection: it is told again
    5000 connected b
    5100 prepared b
    5101 ordered
    5110 switched a b
  `,

  "lost-connection-while-switching": `
    nodes a b
    policy quorum=1
    0 start a b
    10 able a b
    100 prepared a b
    110 ordered
    115 disconnected b
    120 switched a
    1000 connected b
    1010 switched b
  `,

  "away-when-ordered": `
    nodes a b
    policy quorum=1
    0 start a b
    10 able a b
    100 prepared a
    101 disconnected a
    110 prepared b
    120 ordered
    130 switched b
    2120 wake
  `,

  "manual-approved-late": `
    nodes a b
    policy quorum=2 commit=manual
    0 start a b
    10 able a b
    100 prepared a b
    60000 approved
    60010 ordered
    60020 switched a b
  `,

  "manual-approved-early": `
    nodes a b
    policy quorum=2 commit=manual
    0 start a b
    5 approved
    10 able a b
    100 prepared a b
    110 ordered
    120 switched a b
  `,

  "manual-never-approved": `
    nodes a b
    policy quorum=2 commit=manual
    0 start a b
    10 able a b
    100 prepared a b
    100100 wake
  `,

  "quorum-lost-while-holding": `
    nodes a b
    policy quorum=2 commit=manual
    0 start a b
    10 able a b
    100 prepared a b
    # it was told twice, and the second time its disk was full
    200 failed b: disk full
    300 approved
  `,

  "node-late-while-holding": `
    nodes a b c
    policy quorum=2 commit=manual
    0 start a b c
    10 able a b c
    100 prepared a b
    10010 wake
    20000 prepared c
    20001 approved
    20002 ordered
    20010 switched a b c
  `,

  "abort-while-gathering": `
    nodes a b
    0 start a b
    10 able a
    20 aborted: by ada
    30 able b
  `,

  "abort-while-preparing": `
    nodes a b
    0 start a b
    10 able a b
    20 prepared a
    30 aborted: by ada
    40 prepared b
  `,

  "abort-while-holding": `
    nodes a b
    policy commit=manual
    0 start a b
    10 able a b
    20 prepared a b
    30 aborted: by ada
    40 approved
  `,

  "abort-too-late": `
    nodes a b
    0 start a b
    10 able a b
    20 prepared a b
    30 aborted: by ada
    40 ordered
    50 aborted: by ada
    60 switched a b
  `,

  "deadline-while-gathering": `
    nodes a b c
    policy quorum=2
    0 start a b
    10 able a
    999 wake
    # b is connected and says nothing, c is away
    1000 wake
  `,

  "deadline-while-preparing": `
    nodes a b
    policy quorum=2 belowQuorum=cancel
    0 start a b
    10 able a b
    100 prepared a
    10010 wake
  `,

  "deadline-while-switching": `
    nodes a b
    policy quorum=2
    0 start a b
    10 able a b
    100 prepared a b
    110 ordered
    120 switched a
    2110 wake
  `,

  "one-slow-node-does-not-hold-up-others": `
    nodes a b slow
    policy quorum=2
    0 start a b slow
    10 able a b slow
    100 prepared a b slow
    110 ordered
    # those who are quick are told at once, and their answers are taken as they come
    111 switched a
    112 switched b
    2110 wake
  `,

  "prepared-again-after-the-switch": `
    nodes a b c
    policy quorum=1
    0 start a b c
    10 able a b c
    15 failed c: disk full
    20 prepared a b
    30 ordered
    40 switched a
    # the answers to what they were told twice; c is not among those the commit is for
    50 prepared a c
    60 switched b
  `,

  "order-refused": `
    nodes a b
    0 start a b
    10 able a b
    20 prepared a b
    30 refused: the database is busy
    40 ordered
  `,

  rollback: `
    nodes a b
    switch only
    0 start a
    10 able a
    500 connected b
    510 able b
    520 ordered
    530 switched a b
  `,

  "answers-twice-and-out-of-turn": `
    nodes a b
    0 start a b
    5 prepared a
    6 switched a
    10 able a b
    11 able a b
    12 switched b
    20 prepared a
    21 prepared a
    22 prepared b
    30 ordered
    31 ordered
    40 switched a
    41 switched a
    42 failed a: too late to say so
    43 able b
    50 switched b
    60 switched b
    70 connected a
    80 wake
  `,
};
