// Somebody chooses what is copied of a source: blocks a table, keeps every version
// of another, hashes a column, leaves one out, and has a table read again; with the keyboard where a checkbox takes it.
const assert = require('assert');

module.exports = async ({ page, base, api, look }) => {
	const group = (await api('GET', '/v1/groups')).items[0].id;
	const made = await api('POST', '/v1/connections', {
		group_id: group, service: 'sample', run_setup_tests: true, paused: true, config: { schema_prefix: 'chosen', opened_at: '2026-01-01T00:00:00Z', orders: 10 },
	});
	const chosen = async () => (await api('GET', `/v1/connections/${made.id}/schemas`)).schemas.shop.tables;
	await page.goto(`${base}/connections/${made.id}/schema`);
	await page.getByRole('button', { name: 'Look at the source' }).click();

	const done = (what) => Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), what()]);
	await page.getByLabel('Copy customer').focus();
	await done(() => page.keyboard.press('Space'));
	assert.equal((await chosen()).customer.enabled, false);
	await page.getByText('1 of 2 tables are copied.').waitFor();
	assert.match(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), /Copy customer/, 'focus is lost');
	await done(() => page.getByLabel('What is kept of order').selectOption('keep every version'));
	assert.equal((await chosen()).order.sync_mode, 'HISTORY');
	await page.getByRole('link', { name: 'order', exact: true }).click();
	await done(() => page.getByLabel('Hash status').check());
	await done(() => page.getByLabel('Copy total').uncheck());
	assert(await page.getByLabel('placed_at is part of the key').isDisabled(), 'the source says what the key is');
	const columns = (await api('GET', `/v1/connections/${made.id}/schemas/shop/tables/order/columns`)).columns;
	assert(columns.status.hashed && !columns.total.enabled, JSON.stringify(columns));
	await done(() => page.getByRole('row', { name: /Copy order/ }).getByRole('button', { name: 'Read again' }).click());
	await page.getByText('It is read again as a whole with the next sync.').waitFor();
	const [table] = (await api('GET', `/v1/penstock/connections/${made.id}/tables`)).items.filter((t) => t.table === 'order');
	assert(table.resync);
	await look(page, 'tables-chosen');
	await page.getByLabel('What is new in the source').selectOption('Copy nothing new until somebody says so');
	await page.getByRole('button', { name: 'Save' }).click();
	await page.waitForLoadState();
	assert.equal((await api('GET', `/v1/connections/${made.id}/schemas`)).schema_change_handling, 'BLOCK_ALL');
	await page.getByLabel('Search').fill('cust');
	await page.waitForFunction(() => document.querySelectorAll('.tables tbody').length === 1);
	await page.getByLabel('Search').fill('');
	await page.getByRole('link', { name: 'order', exact: true }).waitFor();

	// The page of one table does the same without JavaScript.
	await page.goto(`${base}/connections/${made.id}/schema/shop/customer`);
	await look(page, 'table');
	await page.getByRole('button', { name: 'Copy it' }).click();
	await page.getByRole('button', { name: 'Do not copy it' }).waitFor();
	await page.getByRole('button', { name: 'Read all of it again' }).click();
	await page.goto(`${base}/connections/${made.id}/schema`);
	await page.getByRole('button', { name: 'Copy nothing of shop' }).click();
	await page.getByRole('button', { name: 'Copy shop' }).click();
	await page.getByRole('button', { name: 'Copy nothing of shop' }).waitFor();
	await api('DELETE', '/v1/connections/' + made.id);
};
