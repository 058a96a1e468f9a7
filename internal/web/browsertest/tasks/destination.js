// Somebody makes a destination, asks another what is in it, takes the answer
// along, and deletes the first.
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');

module.exports = async ({ page, base, look, expects }) => {
	expects(/status of 400/);
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'penstock-'));
	try {
		await page.goto(base + '/destinations');
		await look(page, 'destinations');
		await page.getByRole('link', { name: 'New destination' }).click();
		await look(page, 'new-destination');
		await page.getByRole('link', { name: 'DuckDB' }).click();
		await page.getByLabel('Name', { exact: true }).fill('second');
		await page.getByLabel('File').fill(path.join(folder, 'second.duckdb'));
		await look(page, 'new-destination-form');
		await page.getByRole('button', { name: 'Save and test' }).click();
		await page.getByText('All is well.').waitFor();
		await look(page, 'destination');

		await page.goto(base + '/destinations');
		await page.getByRole('link', { name: 'Demo' }).click();
		await page.getByRole('link', { name: 'Query' }).click();
		const ask = async (sql) => {
			await page.getByLabel('SELECT').fill(sql);
			await page.getByRole('button', { name: 'Ask' }).click();
		};
		await ask('SELECT 42 AS "the answer", NULL AS nothing');
		await page.getByRole('cell', { name: '42' }).waitFor();
		await look(page, 'query');
		await ask("SELECT * FROM read_text('/etc/passwd')");
		await page.getByRole('alert').waitFor();
		await look(page, 'query-wrong');
		await page.getByLabel('SELECT').fill('SELECT 42 AS answer');
		const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download as CSV' }).click()]);
		assert.equal(fs.readFileSync(await download.path(), 'utf8'), 'answer\n42\n');

		await page.goto(base + '/destinations');
		await page.getByRole('link', { name: 'second' }).click();
		await page.getByText('Delete second').click();
		await page.getByRole('button', { name: 'Delete the destination' }).click();
		await page.waitForURL('**/destinations');
		assert.equal(await page.getByRole('link', { name: 'second' }).count(), 0);
	} finally {
		fs.rmSync(folder, { recursive: true });
	}
};
