// wechatpay-axios-plugin, called in every way that its own documentation shows.

import { readFileSync } from 'node:fs';
import { Wechatpay } from 'wechatpay-axios-plugin';
import { answerEach } from './caller.mjs';

// client is made as for the real host, but for baseURL. What belongs to APIv3 is
// demanded by the constructor and not used.
function client(job, more = { baseURL: job.base_url }) {
  return new Wechatpay({
    mchid: job.mch_id,
    secret: job.key,
    merchant: { cert: readFileSync(job.cert), key: readFileSync(job.cert_key) },
    serial: 'unused',
    privateKey: '',
    certs: { any: undefined },
    ...more,
  });
}

// options are those of one request.
const options = (job) => (job.secure ? { security: true } : {});

await answerEach({
  async property(job) {
    const { data } = await client(job).v2.mmpaymkttransfers[job.call].post(job.fields, options(job));
    return data;
  },
  async function(job) {
    const { data } = await client(job).v2.mmpaymkttransfers[job.call](job.fields, options(job));
    return data;
  },
  async chain(job) {
    const { data } = await client(job).chain(`v2/mmpaymkttransfers/${job.call}`).post(job.fields, options(job));
    return data;
  },
  async index(job) {
    const { data } = await client(job)[`v2/mmpaymkttransfers/${job.call}`].post(job.fields, options(job));
    return data;
  },
  async 'index, function'(job) {
    const { data } = await client(job)[`v2/mmpaymkttransfers/${job.call}`](job.fields, options(job));
    return data;
  },
  promise(job) {
    return client(job).v2.mmpaymkttransfers[job.call].post(job.fields, options(job))
      .then((res) => res.data)
      .catch((e) => { throw e; });
  },
  async 'axios instance'(job) {
    const { data } = await client(job).client.v2.post(`mmpaymkttransfers/${job.call}`, job.fields, options(job));
    return data;
  },
  async 'URL of one call'(job) {
    const { data } = await client(job, {}).v2.mmpaymkttransfers[job.call].post(job.fields, { ...options(job), baseURL: job.base_url });
    return data;
  },
});
