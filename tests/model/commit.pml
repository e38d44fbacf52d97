/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit, flush and takeover protocol (src/runtime/commit.c, flush.c, recover.c), for spin. README.md says what is
 * checked, what is left out, and how to run it.
 *
 * One partition = NE events, then ONE idle tick that fires a timer (state changes, input offset does not).
 * A step s (0..NS-1) makes output s and turns state n=s into n=s+1; it touches state component s%2 ("customer").
 * n is the partition's committed batch number; it is in the changelog record, in the offset's metadata, in Redis' head.
 */
#ifndef PARTS
#define PARTS 1         /* partitions */
#endif
#ifndef NE
#define NE 2            /* input events per partition */
#endif
#ifndef CRASH
#define CRASH 1         /* process crashes, at any point */
#endif
#ifndef KICK
#define KICK 1          /* session timeouts (SIGSTOP: the worker does not know) */
#endif
#ifndef FAIL
#define FAIL 1          /* Redis failovers to an older copy; the empty copy = wipe */
#endif
#ifndef TMO
#define TMO 1           /* EndTxn requests whose answer never comes and which arrive late */
#endif
#ifndef TTO
#define TTO 0           /* transaction timeouts by the coordinator */
#endif
#ifndef BATCH
#define BATCH 2         /* most steps in one transaction */
#endif
#define NW 2
#define NS (NE+1)
#define QL 5
#define OFFS(n)  ((n) < NE -> (n) : NE)                         /* input offset of state n */
#define C0(n)    ((n)==0 -> 0 : ((n)%2 -> (n) : (n)-1))         /* component 0 of state n: last even step, +1 */
#define C1(n)    ((n)%2 -> (n)-1 : (n))

/* transaction coordinator, one transactional.id per worker: 0 empty 1 ongoing 2 prepare-commit 3 prepare-abort */
byte tst[NW], tep[NW], tp[NW], tof[NW], tot[NW];   /* epoch, partition, outputs from..to */
byte pend[NW];                                     /* pending n at the group coordinator */
bool tcl[NW], mkc[NW], mko[NW];                    /* wrote changelog; markers still to write: changelog, offsets */
byte fl[NW], flep[NW], resp[NW], late[NW], lateep[NW];  /* EndTxn(commit) in flight, its answer, the delayed one */
/* changelog: all committed up to cvis; queue of entries at and behind the first open one */
byte cvis[PARTS], cn[PARTS], qst[PARTS*QL], qw[PARTS*QL];      /* qw: w+1 = open by w, 0 = committed */
/* group coordinator */
byte gen, owner[PARTS], C[PARTS];                        /* C = committed n (its marker is written) */
bool reb, mem[NW], joined[NW];
/* truth */
byte D[PARTS], cnt[PARTS*NS];                            /* decided n; committed copies of each output */
/* Redis: head (n, step k, load token t), two blobs; and the lagging copy */
byte rn[PARTS], rk[PARTS], rt[PARTS], r0[PARTS], r1[PARTS], sn[PARTS], sk[PARTS], st_[PARTS], s0[PARTS], s1[PARTS], tokc;
bool crash[NW], fin[NW];
byte bc = CRASH, bk = KICK, bf = FAIL, bt = TMO, bo = TTO, i, j;

inline settle(p) {      /* advance the last stable offset */
  do :: cn[p] > 0 && qw[p*QL] == 0 ->
        cvis[p] = qst[p*QL];
        i = 1; do :: i < cn[p] -> qst[p*QL+i-1] = qst[p*QL+i]; qw[p*QL+i-1] = qw[p*QL+i]; i++ :: else -> break od;
        cn[p]--; qst[p*QL+cn[p]] = 0; qw[p*QL+cn[p]] = 0
     :: else -> break od; i = 0
}
inline cmark(w) {       /* changelog marker of w's transaction */
  i = 0; j = 0;
  do :: i < cn[tp[w]] ->
        if :: qw[tp[w]*QL+i] == w+1 && tst[w] == 3 -> skip      /* aborted: gone */
           :: else ->
              qst[tp[w]*QL+j] = qst[tp[w]*QL+i];
              qw[tp[w]*QL+j] = (qw[tp[w]*QL+i] == w+1 -> 0 : qw[tp[w]*QL+i]); j++
        fi; i++
     :: else -> break od;
  i = j; do :: i < cn[tp[w]] -> qst[tp[w]*QL+i] = 0; qw[tp[w]*QL+i] = 0; i++ :: else -> break od;
  cn[tp[w]] = j; i = 0; j = 0; settle(tp[w]); mkc[w] = false
}
inline decide(w, s) {   /* coordinator logs PrepareCommit (2) or PrepareAbort (3): this is the commit point */
  tst[w] = s; mkc[w] = tcl[w]; mko[w] = (pend[w] != 0); tcl[w] = false;
  if :: s == 2 && tot[w] > 0 ->
        assert(D[tp[w]] == tof[w]);                 /* no gap, no double, nothing from a stale state */
        D[tp[w]] = tot[w]; i = tof[w];
        do :: i < tot[w] -> cnt[tp[w]*NS+i]++; assert(cnt[tp[w]*NS+i] == 1); i++ :: else -> break od; i = 0
     :: else -> skip fi;
  tof[w] = 0; tot[w] = 0
}
inline endtxn(w, e, answer) {
  if :: e == tep[w] && tst[w] == 1 -> decide(w, 2); if :: answer -> resp[w] = 1 :: else -> skip fi
     :: e == tep[w] && tst[w] == 2 -> if :: answer -> resp[w] = 1 :: else -> skip fi
     :: else -> if :: answer -> resp[w] = 2 :: else -> skip fi
  fi
}

#define COORD(w) \
  :: d_step { fl[w] == 1 -> fl[w] = 0; endtxn(w, flep[w], true); flep[w] = 0 } \
  :: d_step { late[w] == 1 -> late[w] = 0; endtxn(w, lateep[w], false); lateep[w] = 0 } \
  :: d_step { tst[w] >= 2 && mkc[w] -> cmark(w) } \
  :: d_step { tst[w] >= 2 && mko[w] -> if :: tst[w] == 2 -> C[tp[w]] = pend[w] :: else -> skip fi; pend[w] = 0; mko[w] = false } \
  :: d_step { tst[w] >= 2 && !mkc[w] && !mko[w] -> tst[w] = 0; tp[w] = 0 } \
  :: d_step { bo > 0 && tst[w] == 1 -> bo--; tep[w]++; decide(w, 3) }

active proctype kafka() {       /* coordinators and marker writers: any order, any delay */
  byte p;
end: do
  COORD(0)
  COORD(1)
  :: atomic { reb && (mem[0] || mem[1]) && (!mem[0] || joined[0]) && (!mem[1] || joined[1]) ->
       gen++; reb = false; joined[0] = false; joined[1] = false; p = 0;
       do :: p < PARTS -> if :: mem[0] -> owner[p] = 0 :: mem[1] -> owner[p] = 1 fi; p++ :: else -> break od; p = 0 }
  od
}

#if defined(M_NOOFF) || defined(M_NOOFFTICK)
#define DONE(p) (D[p] == NS)                /* these never commit the last n */
#else
#define DONE(p) (C[p] == NS)
#endif
#define ME (_pid-1)
#define FENCED (tep[ME] != ep)
#define READY (tst[ME] < 2 || FENCED)       /* else the broker answers CONCURRENT_TRANSACTIONS */
#define T0 (C0(nn) > n[p])                  /* the batch touches component 0 */
#define T1 (C1(nn) > n[p])
#ifdef M_OFFCAS
#define VER(x) OFFS(x)                      /* as first written: Redis knows the applied input offset only */
#else
#define VER(x) (x)
#endif
#ifdef M_CAS
#define CAS(x) true
#else
#define CAS(x) (x)
#endif
#ifdef M_CHUNK
#define STEP(x) true
#else
#define STEP(x) (rk[p] == (x))
#endif
#ifdef M_TOKEN
#define RSTEP(x) true
#else
#define RSTEP(x) (rk[p] == (x))
#endif
#ifdef M_RAW
#define TOK true
#else
#define TOK (rt[p] == t)
#endif
#define LAST(x) rk[p] = 0; rn[p] = VER(x); assert((x) <= D[p])     /* Redis never ahead of the log */

inline flush() {        /* after-images of the batch n[p] -> nn, one script a component */
  t = 0;
  if
  :: T0 && T1 ->
     d_step { if :: CAS(rt[p] == 0 && rn[p] == VER(n[p]) && STEP(0)) -> r0[p] = C0(nn); rk[p] = 1 :: else -> t = 1 fi };
     if :: t == 0 ->
       d_step { if :: CAS(rt[p] == 0 && rn[p] == VER(n[p]) && STEP(1)) -> r1[p] = C1(nn); LAST(nn) :: else -> t = 1 fi }
     :: else -> skip fi
  :: else ->
     d_step { if :: CAS(rt[p] == 0 && rn[p] == VER(n[p]) && STEP(0)) ->
                    if :: T0 -> r0[p] = C0(nn) :: else -> r1[p] = C1(nn) fi; LAST(nn)
                 :: else -> t = 1 fi }
  fi
}
inline reload() {       /* rewrite the partition's Redis state from committed memory (n, a, b) */
  d_step { tokc = tokc%6 + 1; t = tokc; rt[p] = t; rk[p] = 0; rn[p] = 0; r0[p] = 0; r1[p] = 0 };
  d_step { if :: TOK && RSTEP(0) -> r0[p] = a[p]; rk[p] = 1 :: else -> t = 0 fi };
  if :: t -> d_step { if :: TOK && RSTEP(1) -> r1[p] = b[p]; rt[p] = 0; LAST(n[p]) :: else -> skip fi } :: else -> skip fi;
  t = 0
}
inline forget() { p = 0; do :: p < PARTS -> own[p] = 0; have[p] = 0; n[p] = 0; a[p] = 0; b[p] = 0; p++ :: else -> break od; p = 0; g = 0 }

active [NW] proctype worker() {
  byte ep, g, p, nn, c, m, k, t, n[PARTS], a[PARTS], b[PARTS]; bool own[PARTS], have[PARTS];
  do
  :: { skip;
newprod:                                    /* init_transactions: ends the old transaction, raises the epoch */
     atomic { tst[ME] < 2 -> forget(); nn = 0; c = 0; m = 0; k = 0; t = 0;
       tep[ME]++; if :: tst[ME] == 1 -> decide(ME, 3) :: else -> skip fi; ep = tep[ME] };
     tst[ME] == 0;
join: atomic { mem[ME] = true; joined[ME] = true; reb = true; forget() };
rejoined:
     atomic { !joined[ME] ->                  /* answered, or kicked */
       if :: !mem[ME] -> goto join
          :: else -> g = gen; p = 0;
             do :: p < PARTS -> own[p] = (owner[p] == ME);
                  if :: !own[p] -> have[p] = 0; n[p] = 0; a[p] = 0; b[p] = 0 :: else -> skip fi; p++
                :: else -> break od; p = 0
       fi };
top: if
     :: atomic { DONE(0) && DONE(PARTS-1) -> forget(); mem[ME] = false; joined[ME] = false; reb = mem[1-ME]; fin[ME] = true; goto done }
     :: atomic { mem[ME] && reb -> joined[ME] = true; goto rejoined }
     :: atomic { !mem[ME] -> goto join }                    /* notices at last; or does not, yet */
     :: atomic { own[0] && !have[0] -> p = 0 }
        goto take
     :: atomic { have[0] && n[0] < NS -> p = 0 }
        goto txn
#if PARTS > 1
     :: atomic { own[1] && !have[1] -> p = 1 }
        goto take
     :: atomic { have[1] && n[1] < NS -> p = 1 }
        goto txn
#endif
     fi;
take:                                       /* 1. committed (offset, n) of the group */
     atomic {
#ifndef M_STABLE
       !(pend[0] && tp[0] == p) && !(pend[1] && tp[1] == p) ->
#endif
       c = C[p] };
     d_step { m = rn[p]; k = rk[p]; t = rt[p]; a[p] = r0[p] };              /* 2. Redis, in pieces */
     d_step {
#ifndef M_HEAD
       if :: m != rn[p] || k != rk[p] || t != rt[p] -> t = 255 :: else -> skip fi;
#endif
       b[p] = r1[p] };
     if :: t || m > VER(c) -> d_step { m = 0; a[p] = 0; b[p] = 0; k = 1 }   /* torn, being rebuilt, or foreign: as empty */
#ifdef M_OFFCAS
        :: else -> if :: m == OFFS(c) -> m = c :: else -> skip fi
#else
        :: else -> skip
#endif
     fi;
#ifdef M_LSO
     d_step { if :: cvis[p] < c -> nn = cvis[p] :: else -> nn = c fi };     /* as first written: to the end that is visible now */
#else
     d_step { cvis[p] >= c -> nn = c };                                     /* 3. the log until the record that carries n */
#endif
     d_step { if :: C0(nn) > m -> a[p] = C0(nn) :: else -> skip fi; if :: C1(nn) > m -> b[p] = C1(nn) :: else -> skip fi;
       n[p] = c; have[p] = 1; assert(!mem[ME] || g != gen || (a[p] == C0(c) && b[p] == C1(c))) };   /* an owner has the right state */
     if :: m != c || k -> if :: reload() :: skip fi :: else -> skip fi;     /* mending Redis may be put off */
     d_step { nn = 0; c = 0; m = 0; k = 0; t = 0 };
     goto top;
txn: if :: atomic { n[p] < NE -> nn = n[p]+1 }
        :: atomic { BATCH > 1 && n[p]+2 <= NE -> nn = n[p]+2 }
        :: atomic { n[p] == NE -> nn = NS }                                 /* the tick */
     fi;
     atomic { READY -> if :: FENCED -> goto newprod :: else ->
         tst[ME] = 1; tp[ME] = p; tcl[ME] = true; assert(cn[p] < QL); qst[p*QL+cn[p]] = nn; qw[p*QL+cn[p]] = ME+1; cn[p]++ fi };
     atomic { READY -> if :: FENCED -> goto newprod :: else -> tst[ME] = 1; tp[ME] = p; tof[ME] = n[p]; tot[ME] = nn fi };
#ifdef M_EARLY
     flush();
#endif
#ifndef M_NOOFF
#ifdef M_NOOFFTICK
     if :: nn == NS && n[p] == NE -> skip :: else ->
#endif
     atomic { READY -> if :: FENCED -> goto newprod
#ifdef M_GEN
         :: !FENCED && mem[ME] && g != gen
#else
         :: !FENCED && (!mem[ME] || g != gen)
#endif
            -> goto newprod                                                 /* abort, and start from committed state */
         :: else -> tst[ME] = 1; tp[ME] = p; pend[ME] = nn fi };
#ifdef M_NOOFFTICK
     fi;
#endif
#endif
     atomic { fl[ME] = 1; flep[ME] = ep; resp[ME] = 0 };
     if :: atomic { resp[ME] == 1 -> resp[ME] = 0 }
        :: atomic { resp[ME] == 2 -> resp[ME] = 0; goto newprod }
        :: atomic { bt > 0 -> bt--; resp[ME] = 0; if :: fl[ME] && !late[ME] -> fl[ME] = 0; late[ME] = 1; lateep[ME] = ep :: else -> fl[ME] = 0 fi; flep[ME] = 0;
#ifdef M_REUSE
             goto reuse }
#else
             goto newprod }
#endif
     fi;
#ifndef M_EARLY
     flush();
#endif
     d_step { a[p] = C0(nn); b[p] = C1(nn); n[p] = nn; nn = 0 };
     if :: t -> if :: reload() :: skip fi :: else -> skip fi;
     t = 0;
     goto top;
#ifdef M_REUSE
reuse: atomic { tst[ME] < 2 -> if :: tst[ME] == 1 && !FENCED -> decide(ME, 3) :: else -> skip fi };
     atomic { tst[ME] == 0 -> have[0] = 0; have[PARTS-1] = 0; nn = 0 };
     goto top
#endif
     } unless { atomic { crash[ME] -> crash[ME] = false; resp[ME] = 0;      /* kill -9: its requests may still be on the wire */
         if :: fl[ME] && !late[ME] -> fl[ME] = 0; late[ME] = 1; lateep[ME] = flep[ME]; flep[ME] = 0 :: else -> skip fi } }
  od;
done: skip
}

#define BREAK(w) \
  :: d_step { bc > 0 && !crash[w] && !fin[w] -> bc--; crash[w] = true } \
  :: d_step { bk > 0 && mem[w] -> bk--; mem[w] = false; joined[w] = false; reb = true }
#define STORE(p) \
  :: d_step { bf > 0 && (sn[p] != rn[p] || sk[p] != rk[p] || st_[p] != rt[p] || s0[p] != r0[p] || s1[p] != r1[p]) -> \
       sn[p] = rn[p]; sk[p] = rk[p]; st_[p] = rt[p]; s0[p] = r0[p]; s1[p] = r1[p] } \
  :: d_step { bf > 0 && (sn[p] != rn[p] || sk[p] != rk[p] || st_[p] != rt[p] || s0[p] != r0[p] || s1[p] != r1[p]) -> bf--; \
       rn[p] = sn[p]; rk[p] = sk[p]; rt[p] = st_[p]; r0[p] = s0[p]; r1[p] = s1[p] }

active proctype env() {
end: do
  BREAK(0)
  BREAK(1)
  :: d_step { bk > 0 && !reb && (mem[0] || mem[1]) -> bk--; reb = true }    /* plain rebalance */
  STORE(0)
#if PARTS > 1
  STORE(1)
#endif
  od
}
