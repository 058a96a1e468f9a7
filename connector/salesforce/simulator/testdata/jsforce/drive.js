// Drives a simulator with jsforce, a client that is not ours, and prints what
// it got as JSON. package.json overrides what jsforce depends on: undici, by a
// version that Debian's Node runs, and what only its command line and its
// build for browsers need, by an empty package. Results of Bulk jobs are one
// page each, because jsforce ends its stream after the first.
const crypto = require('crypto');
const fs = require('fs');
const jsforce = require('jsforce');

const { BASE, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, USERNAME, KEY_FILE, NOW } = process.env;
const oauth2 = { loginUrl: BASE, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET };
const soql = 'SELECT Id, Name, Description, AnnualRevenue, IsDeleted, SystemModstamp FROM Account';

function assertion() {
  const part = (v) => Buffer.from(JSON.stringify(v)).toString('base64url');
  const claims = { iss: CLIENT_ID, sub: USERNAME, aud: 'https://login.salesforce.com', exp: Math.floor(Date.parse(NOW) / 1000) + 120 };
  const signed = part({ alg: 'RS256' }) + '.' + part(claims);
  return signed + '.' + crypto.sign('sha256', Buffer.from(signed), fs.readFileSync(KEY_FILE)).toString('base64url');
}

async function rows(stream) {
  const all = [];
  for await (const r of stream) all.push(r);
  return all;
}

async function fails(f) {
  try {
    await f();
  } catch (e) {
    return e.errorCode || e.name;
  }
  return 'nothing failed';
}

async function main() {
  const out = {};

  // A stale access token, which is refreshed.
  const conn = new jsforce.Connection({ oauth2, instanceUrl: BASE, accessToken: 'stale', refreshToken: REFRESH_TOKEN, version: '63.0' });
  out.users = (await conn.query('SELECT COUNT() FROM User')).totalSize;
  out.identity = (await conn.identity()).username;

  const jwt = new jsforce.Connection({ oauth2, version: '63.0' });
  await jwt.authorize({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion() });
  out.jwt = (await jwt.query('SELECT COUNT() FROM User')).totalSize;

  const credentials = new jsforce.Connection({ oauth2, version: '63.0' });
  await credentials.authorize({ grant_type: 'client_credentials' });
  out.credentials = (await credentials.query('SELECT COUNT() FROM User')).totalSize;

  out.objects = (await conn.describeGlobal()).sobjects.length;
  out.fields = (await conn.describe('Account')).fields.length;
  out.query = (await conn.query(soql, { autoFetch: true, maxFetch: 100000, scanAll: true })).records;
  out.related = (await conn.query("SELECT Name, Owner.Name, Owner.UserRole.Name FROM Account WHERE Owner.Name != null ORDER BY Name LIMIT 3")).records;

  conn.bulk2.pollInterval = 10;
  out.bulk = await rows(await conn.bulk2.query(soql, { scanAll: true, pollInterval: 10 }));

  const end = new Date(NOW);
  const start = new Date(end.getTime() - 14 * 86400 * 1000);
  out.deleted = (await conn.sobject('Account').deleted(start, end)).deletedRecords.length;
  out.updated = (await conn.sobject('Account').updated(start, end)).ids.length;
  out.used = (await conn.limits()).DailyApiRequests;
  out.limitInfo = conn.limitInfo.apiUsage;
  out.failures = [
    await fails(() => conn.query('SELECT Nope FROM Account')),
    await fails(() => conn.query('SELECT Id FROM Nope')),
    await fails(() => conn.query('SELECT Id FROM')),
    await fails(() => new jsforce.Connection({ oauth2: { ...oauth2, clientId: 'x' } }).authorize({ grant_type: 'client_credentials' })),
  ];
  process.stdout.write(JSON.stringify(out), () => process.exit(0));
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
