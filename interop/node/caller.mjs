// What the three programs here have in common: a line of JSON on standard input is
// one call to make, and a line on standard output is what its caller got to see.
//
//   in   { shape, call, base_url, mch_id, appid, key, secure, cert, cert_key, p12, fields }
//   out  { answer } what the library returned, or { error, answer } what it threw
//
// cert, cert_key and p12 name the files of one certificate; secure says to show it.

import { createInterface } from 'node:readline';

// answerEach makes one call after the other; shapes says how, by name.
export async function answerEach(shapes) {
  for await (const line of createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    let seen;
    try {
      seen = { answer: await shapes[job.shape](job) };
    } catch (e) {
      seen = { error: String(e.message), answer: e.response?.data };
    }
    process.stdout.write(`${JSON.stringify(seen)}\n`);
  }
}
