// tenpay (node-tenpay). It has a method for each call and a table of their URLs.

import { readFileSync } from 'node:fs';
import Tenpay from 'tenpay';
import { answerEach } from './caller.mjs';

const methods = { sendgroupredpack: 'sendGroupRedpack', sendredpack: 'sendRedpack', gethbinfo: 'redpackQuery' };

// redirected has the host of every URL replaced, the paths as they are.
function redirected(api, job) {
  for (const name of Object.keys(api.urls)) {
    api.urls[name] = api.urls[name].replace('https://api.mch.weixin.qq.com', job.base_url);
  }
  return api;
}

function config(job, more = {}) {
  const pfx = job.secure ? readFileSync(job.p12) : undefined;
  return { appid: job.appid, mchid: job.mch_id, partnerKey: job.key, pfx, ...more };
}

await answerEach({
  async 'new'(job) {
    return await redirected(new Tenpay(config(job)), job)[methods[job.call]](job.fields);
  },
  async init(job) {
    return await redirected(Tenpay.init(config(job)), job)[methods[job.call]](job.fields);
  },
  async sandbox(job) {
    return await redirected(new Tenpay(config(job, { sandbox: true })), job)[methods[job.call]](job.fields);
  },
});
