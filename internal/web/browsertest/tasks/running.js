// Somebody watches a sync that takes its time, table by table, reads its log as
// it is written, filters it, and cancels the sync.
const assert = require('assert');

module.exports = async ({ page, base, api, look }) => {
	const group = (await api('GET', '/v1/groups')).items[0].id;
	const made = await api('POST', '/v1/connections', {
		group_id: group, service: 'sample', run_setup_tests: true, paused: true,
		config: { schema_prefix: 'slow', opened_at: '2026-01-01T00:00:00Z', orders: 2000000, pace: 2000 },
	});
	await page.goto(base + '/connections/' + made.id);
	await page.getByText('Nothing has been copied yet.').waitFor();
	await page.getByRole('link', { name: 'Choose tables' }).click();
	await page.getByRole('button', { name: 'Look at the source' }).click();
	await page.getByRole('button', { name: 'Start the first sync' }).click();
	await page.getByRole('heading', { name: 'Running now' }).waitFor();

	const row = page.getByRole('row', { name: /shop\.customer/ });
	const rows = async () => Number((await row.getByRole('cell').nth(2).innerText()).replace(/\D/g, ''));
	await row.waitFor();
	const before = await rows();
	await page.waitForFunction((before) => {
		const r = [...document.querySelectorAll('.running-now tbody tr')].find((r) => r.textContent.includes('customer'));
		return r && Number(r.children[2].textContent.replace(/\D/g, '')) > before && /KB|MB/.test(r.children[5].textContent) && /\d/.test(r.children[6].textContent) && / h | min /.test(r.children[7].textContent);
	}, before);
	assert(await row.getByRole('progressbar').count(), 'no progress');
	await look(page, 'running');

	// Focus stays where it is while the page changes by itself.
	await page.getByRole('link', { name: /^every/ }).focus();
	const now = await rows();
	await page.waitForFunction((now) => Number(document.querySelector('.running-now tbody tr').children[2].textContent.replace(/\D/g, '')) > now, now);
	assert.match(await page.evaluate(() => document.activeElement.textContent), /^every/);

	await page.getByRole('link', { name: 'Log' }).click();
	await page.getByRole('cell', { name: 'The sync began.' }).waitFor();
	await page.getByLabel('Search').fill('nothing is called like that');
	await page.waitForFunction(() => document.querySelectorAll('#log tbody tr').length === 0);
	await page.getByLabel('Search').fill('');
	await page.getByRole('cell', { name: 'The sync began.' }).waitFor();
	await look(page, 'running-log');
	const log = await page.context().newPage();
	await log.route('**/htmx-sse*', async (route) => { // on a slow line it comes when the rest of the page is there
		await log.waitForFunction(() => window.htmx && new Promise((done) => setTimeout(done, 0, true)));
		await route.continue();
	});
	await log.goto(page.url());
	await page.getByRole('link', { name: 'Syncs', exact: true }).click();
	await page.getByRole('heading', { name: 'Running now' }).waitFor();
	const asked = page.waitForResponse((r) => r.url().endsWith('/do/cancel'));
	await page.getByRole('button', { name: 'Cancel this sync' }).click();
	assert.equal((await asked).status(), 303);
	await log.getByRole('cell', { name: /^The sync ended: CANCELED/ }).waitFor({ timeout: 60000 }); // by itself, at a checkpoint or cut off after half a minute
	await log.waitForFunction(() => !document.querySelector('#log tbody')._htmx.sse); // and no more is asked for
	await log.getByLabel('Level').selectOption('Severe');
	await log.getByText('No line is like that.').waitFor();
	await page.getByRole('button', { name: 'Sync now' }).waitFor(); // by itself too
	await page.locator('td .state.canceled').waitFor();
	await look(page, 'canceled');
	await page.getByRole('link', { name: 'Changes', exact: true }).click();
	await page.getByText('The running sync was asked to stop.').waitFor();
	await api('DELETE', '/v1/connections/' + made.id);
};
