// Recomputes the split of a red packet as docs/fair-split.md describes it (node 18 or later, nothing else):
//   node check-split.mjs FILE [COMMITMENT]    FILE: a proof or a list of them, JSON; - is stdin
// COMMITMENT is the one you noted before the end. Exit status: 0 as committed, 1 not, 2 nothing to check.
import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'

const number = n => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b }
const text = s => Buffer.concat([number(Buffer.byteLength(s)), Buffer.from(s)])
const commit = (secret, t) => createHash('sha256').update('hongbao/split/commitment/1').update(secret)
  .update(text(t.send_listid)).update(number(t.total_amount)).update(number(t.total_num))
  .update(text(t.law)).update(number(t.min)).update(number(t.cap)).digest('hex')
function* words(secret) {
  for (let i = 0; ; i++) {
    const block = createHmac('sha256', secret).update('hongbao/split/chance/1').update(number(i)).digest()
    for (let at = 0; at < 32; at += 8) yield block.readBigUInt64BE(at)
  }
}
const laws = {
  'double-mean': ({ total_amount: rest, total_num: N, min, cap }, below) => {
    const shares = []
    for (let k = N; k > 1; k--) {
      const low = Math.max(min, rest - (k - 1) * cap)
      const high = Math.min(2 * Math.floor(rest / k) - min, rest - (k - 1) * min, cap)
      shares.push(low + below(high - low + 1))
      rest -= shares.at(-1)
    }
    return [...shares, rest]
  },
  simplex: ({ total_amount, total_num: N, min, cap }, below) => {
    for (let tries = 0, T = total_amount - N * min; tries < 64; tries++) {
      const bars = new Set()
      for (let j = T + 1; j < T + N; j++) { const place = 1 + below(j); bars.add(bars.has(place) ? j : place) }
      const walls = [0, ...[...bars].sort((a, b) => a - b), T + N]
      const shares = walls.slice(1).map((wall, i) => wall - walls[i] - 1 + min)
      if (shares.every(s => s <= cap)) return shares
    }
  },
  equal: ({ total_amount: a, total_num: N }) => Array.from({ length: N }, (_, i) => Math.floor(a / N) + (i < a % N)),
}
function check(t, noted = t.commitment) { // returns what is wrong, or nothing
  const { total_amount: total, total_num: N, min, cap } = t, whole = [total, N, min, cap].every(Number.isInteger)
  if (!/^[0-9]{31}$/.test(t.send_listid) || !/^[0-9a-f]{64}$/.test(t.secret) || !Object.hasOwn(laws, t.law) || !whole ||
    N < 1 || N > 1000 || min < 1 || Math.max(cap, total) > 1e12 || total < N * min || total > N * cap) return 'impossible terms'
  const secret = Buffer.from(t.secret, 'hex'), made = commit(secret, t), word = words(secret)
  if (made !== t.commitment || made !== noted) return `commitment: secret and terms give ${made}`
  const below = (n, size = BigInt(n), end = 2n ** 64n - 2n ** 64n % size) => {
    for (;;) { const w = word.next().value; if (w < end) return Number(w % size) }
  }
  const shares = laws[t.law](t, below)
  for (let i = N - 1; i > 0; i--) { const j = below(i + 1); [shares[i], shares[j]] = [shares[j], shares[i]] }
  const slot = shares.findIndex((s, i) => s !== t.shares?.[i])
  if (slot >= 0 || t.shares.length !== N) return `shares: secret and terms give ${slot < 0 ? N : shares[slot] + ' in slot ' + slot}`
}
const [file, noted] = process.argv.slice(2)
const stop = (status, say) => { console.log(say); process.exit(status) }
let proofs
try { proofs = [JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'))].flat() } catch (e) { stop(2, `no proof read: ${e.message}`) }
if (!proofs.length || proofs.some(p => !p?.secret)) stop(2, 'no secret: it is revealed after the end of the packet')
for (const p of proofs) { const wrong = check(p, noted?.toLowerCase()); if (wrong) stop(1, `${p.name ?? p.send_listid}: ${wrong}`) }
stop(0, `${proofs.length} checked: every share is as committed`)
