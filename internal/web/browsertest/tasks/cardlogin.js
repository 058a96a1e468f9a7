// An outsider opens a Connect Card, logs in to the vendor instead of entering
// secrets, and comes back to whoever sent them.
const assert = require('assert');
const http = require('http');

module.exports = async ({ visitor, api, look }) => {
	const shop = http.createServer((r, w) => {
		w.setHeader('Content-Type', 'text/html');
		w.end('<!doctype html><html lang="en"><title>Shop</title><h1>Thanks!</h1>');
	});
	await new Promise((done) => shop.listen(0, '127.0.0.1', done));
	const address = `http://127.0.0.1:${shop.address().port}`;
	try {
		const group = (await api('GET', '/v1/groups')).items[0].id;
		const made = await api('POST', '/v1/connections', {
			group_id: group, service: 'salesforce', run_setup_tests: false, paused: true, config: { schema: 'crm' }, connect_card_config: { redirect_uri: address + '/back' },
		});
		const page = await visitor();
		await page.goto(made.connect_card.uri);
		await look(page, 'connect-card-login');
		await page.getByRole('button', { name: 'Log in to Salesforce' }).click();
		await page.getByText('Thanks!').waitFor();
		assert.equal(page.url(), `${address}/back?id=${made.id}`);
		assert.equal((await api('GET', '/v1/connections/' + made.id)).status.setup_state, 'connected');
		await api('DELETE', '/v1/connections/' + made.id);
	} finally {
		shop.closeAllConnections();
		shop.close();
	}
};
