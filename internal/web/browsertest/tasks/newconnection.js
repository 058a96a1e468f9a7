// Somebody connects to the sample shop: chooses it, fills in its form, is told
// what is wrong with it, sees the tests pass, chooses tables and starts, all with
// keys and clicks, and changes the schedule later.
const assert = require('assert');

module.exports = async ({ page, base, look, expects }) => {
	expects(/status of 400/);
	await page.goto(base + '/connections');
	await page.getByRole('link', { name: 'New connection' }).click();
	await look(page, 'new-connection');
	await page.getByLabel('Search').fill('shop');
	await page.waitForFunction(() => document.querySelectorAll('.tile').length === 1);
	await page.getByRole('link', { name: /Sample shop/ }).click();
	await look(page, 'new-connection-form');
	await page.getByLabel('Destination schema prefix').fill('web');
	await page.getByLabel('Orders', { exact: false }).fill('many');
	await page.getByLabel('Opened at').fill('2026-11-01T08:00:00Z');
	await page.getByRole('button', { name: 'Save and test' }).click();
	await page.getByRole('link', { name: 'Orders is an integer' }).click();
	await look(page, 'new-connection-wrong');
	await page.keyboard.press('Control+A');
	await page.keyboard.type('100');
	await page.keyboard.press('Enter');
	await page.waitForURL(/\/setup/);
	await page.getByText('All is well.').waitFor();
	await look(page, 'setup');

	await page.getByLabel('When').selectOption('at a time of day');
	assert(!(await page.getByLabel('Minutes').isVisible()), 'minutes of a time of day');
	await page.getByLabel('Time', { exact: true }).fill('07:30');
	await page.getByLabel('Monday').check();
	await page.getByRole('button', { name: 'Save the schedule' }).click();
	await page.waitForLoadState();
	assert.equal(await page.getByLabel('Time', { exact: true }).inputValue(), '07:30');
	assert(await page.getByLabel('Monday').isChecked());

	await page.getByRole('link', { name: 'Choose tables' }).click();
	await page.getByRole('button', { name: 'Look at the source' }).click();
	await page.getByRole('checkbox', { name: 'Copy customer' }).waitFor();
	await page.getByRole('button', { name: 'Start the first sync' }).click();
	await page.waitForURL(/connections\/[^/?]+$/);
	await page.getByRole('link', { name: 'Setup', exact: true }).click();
	await page.getByText('Delete web').click();
	await page.getByRole('button', { name: 'Delete the connection' }).click();
	await page.waitForURL('**/connections');
};
