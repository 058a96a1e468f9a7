// Somebody connects a database, says what the key of a table without one is, compares it with its copy, looks what the next
// sync would do, and returns to a state. What cannot be compared says so.
const assert = require('assert');

module.exports = async ({ page, base, api, look, expects }) => {
	expects(/status of 400/);
	await page.goto(base + '/connections?q=people');
	await page.getByRole('link', { name: 'people', exact: true }).click();
	await page.getByRole('link', { name: 'Checks', exact: true }).click();
	await page.getByRole('button', { name: 'Compare now' }).click();
	await page.getByRole('alert').getByText('cannot make checksums').waitFor();
	await page.getByRole('button', { name: 'Return to it' }).first().click();
	await page.waitForLoadState();

	if (!process.env.PENSTOCK_PG) return 'PENSTOCK_TEST_POSTGRES names no server';
	const db = new URL(process.env.PENSTOCK_PG);
	await page.goto(base + '/new/connection/postgres');
	const values = { schema_prefix: 'compared', host: db.hostname, port: db.port, database: db.pathname.slice(1), user: decodeURIComponent(db.username) || 'postgres', password: decodeURIComponent(db.password) || 'none' };
	for (const [name, value] of Object.entries(values)) await page.locator(`[name="config.${name}"]`).fill(value);
	await page.getByLabel('Require TLS').uncheck();
	await page.getByRole('button', { name: 'Save and test' }).click();
	await page.getByText('All is well.').waitFor();
	await page.getByRole('link', { name: 'Choose tables' }).click();
	await page.getByRole('button', { name: 'Look at the source' }).click();
	await page.getByRole('link', { name: 'visit', exact: true }).click();
	await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), page.getByLabel('page is part of the key').check()]);
	await page.getByRole('button', { name: 'Start the first sync' }).click();
	await page.getByText('All is well:').waitFor();
	await page.getByRole('link', { name: 'Checks', exact: true }).click();
	await page.getByRole('button', { name: 'Compare now' }).click();
	await page.locator('#verification').getByText('3 of 3 tables compared').waitFor();
	const note = page.locator('#verification').getByRole('row', { name: /public\.note/ });
	assert.match(await note.innerText(), /Equal\s+500\s+500\s+0\s+0\s+0/);
	await page.getByRole('button', { name: 'Show the plan' }).click();
	await page.getByRole('row', { name: /public\.note.*what has changed/ }).waitFor();
	await look(page, 'checks');
	await page.goto(page.url().replace('/checks', '/changes'));
	await page.getByText('owner@localhost').first().waitFor();
	await api('DELETE', '/v1/connections/' + page.url().match(/connections\/([^/]+)/)[1]);
};
