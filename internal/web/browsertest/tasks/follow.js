// Somebody chooses how the log of a database is followed, enters a limit that is
// none and then one that is.
const assert = require('assert');

module.exports = async ({ page, base, api, look, expects }) => {
	expects(/status of 400/);
	const group = (await api('GET', '/v1/groups')).items[0].id;
	const made = await api('POST', '/v1/connections', {
		group_id: group, service: 'postgres', paused: true, run_setup_tests: false,
		config: { schema_prefix: 'followed', host: '127.0.0.1', port: 1, database: 'd', user: 'u', password: 'p', update_method: 'WAL_PGOUTPUT', publication_name: 'p', replication_slot: 's' },
	});
	await page.goto(`${base}/connections/${made.id}/setup`);
	const part = page.locator('#log');
	await part.getByLabel('Stay on with the source').check();
	await part.getByLabel('How much the source may keep back').fill('ten');
	await part.getByLabel('Have the source let go of it').check();
	await part.getByRole('button', { name: 'Save' }).click();
	await part.getByRole('alert').waitFor();
	assert(await part.getByLabel('Have the source let go of it').isChecked(), 'what was chosen is lost');
	await look(page, 'follow-refused');
	await part.getByLabel('How much the source may keep back').fill('1.5');
	await part.getByRole('button', { name: 'Save' }).click();
	await page.waitForURL(/#log$/);
	const saved = await api('GET', `/v1/penstock/connections/${made.id}/settings`);
	assert(saved.continuous && saved.log_limit_bytes === 1.5 * 2 ** 30 && saved.at_log_limit === 'DROP' && saved.at_log_gap === 'HEAL', JSON.stringify(saved));
	await api('DELETE', '/v1/connections/' + made.id);
};
