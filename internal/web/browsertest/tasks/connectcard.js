// An outsider gets a Connect Card within a shop's page, enters a wrong key and the
// right one, comes back to the shop with the connection's id, and cannot use the
// card again.
const assert = require('assert');
const http = require('http');

module.exports = async ({ visitor, base, api, look, expects }) => {
	expects(/status of 4(04|10)/);
	const shop = http.createServer((r, w) => {
		const card = new URL(r.url, 'http://shop').searchParams.get('card');
		w.setHeader('Content-Type', 'text/html');
		w.end(`<!doctype html><html lang="en"><title>Shop</title><h1>The shop</h1>${card ? `<iframe title="Connect" width="900" height="1200" src="${card.replaceAll('&', '&amp;')}"></iframe>` : 'Thanks!'}`);
	});
	await new Promise((done) => shop.listen(0, '127.0.0.1', done));
	const address = `http://127.0.0.1:${shop.address().port}`;
	try {
		const [group] = (await api('GET', '/v1/groups')).items;
		const made = await api('POST', '/v1/connections', {
			group_id: group.id, service: '15five', run_setup_tests: false, paused: true, config: { schema: 'outside' },
			connect_card_config: { redirect_uri: address + '/back?order=7' },
		});
		const page = await visitor();
		await page.goto(made.connect_card.uri);
		await look(page, 'connect-card');
		assert.equal(await page.getByRole('link', { name: 'Connections' }).count(), 0);

		await page.goto(`${address}/?card=${encodeURIComponent(made.connect_card.uri)}`);
		const card = page.frameLocator('iframe');
		await card.getByLabel('API key').fill('not this one');
		await card.getByRole('button', { name: 'Save and test' }).click();
		await card.getByText(/does not accept this API key/).waitFor();
		await card.getByLabel('API key').fill('fifteenfive0simulator0key0000001');
		await card.getByRole('button', { name: 'Save and test' }).click();
		await card.getByText('Thanks!').waitFor();
		const back = page.frames().find((f) => f.url().startsWith(address + '/back'));
		assert.equal(back.url(), `${address}/back?order=7&id=${made.id}`);
		assert.equal((await api('GET', '/v1/connections/' + made.id)).status.setup_state, 'connected');

		await page.goto(made.connect_card.uri);
		await page.getByRole('heading', { name: 'This setup is complete' }).waitFor();
		await look(page, 'connect-card-used');
		await page.goto(base + '/connect-card/setup?auth=nonsense');
		await page.getByRole('heading', { name: 'This link does not work' }).waitFor();
		await api('DELETE', '/v1/connections/' + made.id);
	} finally {
		shop.closeAllConnections();
		shop.close();
	}
};
