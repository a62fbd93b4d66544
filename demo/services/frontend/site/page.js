// Asks the BFF and shows what each backend answered.

const find = (id) => document.getElementById(id);

function fill(select, prefix, count) {
  for (let i = 1; i <= count; i += 1) select.add(new Option(`${prefix}-${String(i).padStart(2, '0')}`));
}

function show(id, answer) {
  const card = find(id);
  card.dataset.state = answer ? 'ok' : 'failed';
  card.querySelector('.message').textContent = answer ? answer.message : 'No answer';
  card.querySelector('.detail').textContent = answer ? `${answer.framework}, ${new Date(answer.time).toLocaleString()}` : '';
}

function state(name, text) {
  find('state').dataset.state = name;
  find('state').textContent = text;
}

async function ask() {
  const started = performance.now();
  find('ask').disabled = true;
  state('busy', 'Waiting for the backends…');
  try {
    const query = new URLSearchParams({ user: find('user').value, tenant: find('tenant').value });
    const response = await fetch(`/api/?${query}`);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    show('backend1', answer.backend1);
    show('backend2', answer.backend2);
    state('ok', `Answered in ${((performance.now() - started) / 1000).toFixed(2)} s`);
  } catch (error) {
    show('backend1', null);
    show('backend2', null);
    state('failed', `Failed: ${error.message}`);
  } finally {
    find('ask').disabled = false;
  }
}

fill(find('user'), 'user', 12);
fill(find('tenant'), 'tenant', 3);
find('ask').addEventListener('click', ask);
ask();
