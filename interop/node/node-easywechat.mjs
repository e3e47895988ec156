// node-easywechat 3 has no class for red packets: they are sent through its client
// for any call, which signs what it is given.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { Pay } from 'node-easywechat';
import { answerEach } from './caller.mjs';

// client is made as for the real host, but for http.baseURL. The files of the
// certificate serve APIv3.
function client(job) {
  return new Pay({
    app_id: job.appid,
    mch_id: job.mch_id,
    v2_secret_key: job.key,
    secret_key: 'unused',
    private_key: job.cert_key,
    certificate: job.cert,
    http: { baseURL: job.base_url },
  }).getClient();
}

// options are those of one request: in the client's own, an agent would be copied
// and broken.
function options(job) {
  return job.secure ? { httpsAgent: new Agent({ cert: readFileSync(job.cert), key: readFileSync(job.cert_key) }) } : {};
}

await answerEach({
  async postXml(job) {
    return (await client(job).postXml(`/mmpaymkttransfers/${job.call}`, job.fields, options(job))).toObject();
  },
  async 'post, xml'(job) {
    return (await client(job).post(`/mmpaymkttransfers/${job.call}`, { ...options(job), xml: job.fields })).toObject();
  },
  async 'request, data'(job) {
    return (await client(job).request('POST', `/mmpaymkttransfers/${job.call}`, { ...options(job), data: job.fields })).toObject();
  },
});
